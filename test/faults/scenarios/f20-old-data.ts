/**
 * F20, the other half: what an older version left in its data folder is read by this one. What was over is as it was, what
 * was under way goes on, what was to be told is told, and the same request still is the same job.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiError } from "@hive/protocol";
import { createHive, type HiveClient } from "@hive/sdk";
import { startCallbackReceiver } from "../../e2e/callbacks.ts";
import { startHive } from "../../e2e/hive-process.ts";
import { until } from "../../e2e/until.ts";
import { openHistory } from "../history.ts";
import { lookAtAll, pendingCallbacks } from "../last-look.ts";
import { noLightWork, runLightWorker } from "../light-worker.ts";
import { followEvents } from "../live-events.ts";
import { layOutOldData } from "../old-data.ts";
import type { Scenario, ScenarioOutcome } from "../scenario.ts";

export const oldData: Scenario = {
  id: "F20B",
  title: "the data folder of an older version is taken over, and its jobs go on",
  stores: ["sqlite"],
  run,
};

/** Nobody here has what this one asks for. */
const FOR_NOBODY = ["labelled-1", "candidates-1", "candidates-1.1", "candidates-1.2"];
const OVER = new Set(["succeeded", "failed", "canceled"]);

async function run(): Promise<ScenarioOutcome> {
  await using rooms = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "hive-old-"));
  rooms.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const old = layOutOldData(folder);
  const history = openHistory("F20B");
  rooms.defer(() => history.remove());
  const backend = await startCallbackReceiver(old.env["HIVE_WEBHOOK_SECRET"] ?? "");
  rooms.defer(() => backend.stop());
  const server = await startHive({
    env: {
      ...old.env,
      HIVE_DATA: folder,
      HIVE_WORKERS: "0",
      HIVE_LEASE_MS: "2000",
      HIVE_CALLBACK_URL: backend.url,
      // The folder grows older, and none of it may go.
      HIVE_KEEP_DAYS: "0",
      HIVE_KEEP_LOG_DAYS: "0",
    },
  });
  rooms.defer(() => server.dispose());
  const token = old.env["INTERNAL_API_TOKEN"] ?? "";
  const hive = createHive({ url: server.url, token });
  const broken: string[] = [];
  for (const [id, status] of Object.entries(old.jobs)) {
    const now = (await hive.get(id)).status;
    if (OVER.has(status) && now !== status) broken.push(`${id} was ${status} and is ${now}`);
  }
  broken.push(...(await sameRequest(hive)));

  const live = followEvents(hive, history);
  rooms.defer(() => live.stop());
  const stopping = new AbortController();
  const work = noLightWork();
  const secret = old.env["CALLBACK_SECRET"] ?? "";
  const workers = [1, 2].map((n) =>
    runLightWorker({ name: `new-${n}`, urls: [server.url], secret, history, signal: stopping.signal }, work),
  );
  await hive.approve("held-1");
  const wanted = Object.keys(old.jobs).filter((id) => !FOR_NOBODY.includes(id));
  await until("what was under way to be over", () => wanted.every((id) => live.over.has(id)), {
    more: () => `over are ${[...live.over].join(", ")}\n${server.printed().slice(-4_000)}`,
  });
  await hive.cancel("labelled-1");
  await hive.cancel("candidates-1");
  await until("all to be told", async () => (await pendingCallbacks(hive)) === 0);
  stopping.abort();
  await Promise.all(workers);

  const look = await lookAtAll(hive, live, new Set());
  broken.push(...look.badLogs, ...live.broken, ...work.broken);
  look.events.forEach(({ id }, place) => {
    if (id !== place + 1) broken.push(`event ${id} stands at place ${place + 1}`);
  });
  for (const id of wanted) {
    const due = OVER.has(old.jobs[id] ?? "") ? old.jobs[id] : "succeeded";
    const job = look.details.get(id);
    if (job?.status !== due) broken.push(`${id} was ${old.jobs[id]} and is ${job?.status} (${job?.reason})`);
  }
  if (look.details.size !== Object.keys(old.jobs).length) broken.push(`there are ${look.details.size} jobs`);
  if (look.attemptLogs.get("done-1/1") !== "old-worker did done-1/1\n") broken.push("the log of done-1 is another one");
  broken.push(...backend.received.filter(({ ok }) => !ok).map(({ why }) => `a callback was not signed: ${why}`));
  const told = new Set(backend.received.map(({ callback }) => callback?.data.jobId));
  // Of candidates only their parent is told.
  const owed = Object.keys(old.jobs).filter((id) => !id.includes("."));
  for (const id of owed) if (!told.has(id)) broken.push(`nobody was told of ${id}`);
  const figures = { jobs: look.details.size, "taken up": work.finished, events: look.events.length };
  return { figures: { ...figures, "callbacks of jobs": told.size }, broken };
}

/** The same request is the same job, another one with its id is refused. */
async function sameRequest(hive: HiveClient): Promise<readonly string[]> {
  const broken: string[] = [];
  const request = {
    jobId: "done-1",
    repo: "https://example.com/acme/app",
    task: "script" as const,
    script: "true",
    branch: "b/done-1",
    metadata: { of: "done-1" },
  };
  const again = await hive.enqueue(request);
  if (again.status !== "succeeded") broken.push(`done-1, asked for again, was told to be ${again.status}`);
  try {
    await hive.enqueue({ ...request, script: "false" });
    broken.push("another request with the id of done-1 was accepted");
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  }
  return broken;
}
