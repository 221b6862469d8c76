import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HiveError } from "@hive/core";
import { createClient } from "@hive/protocol";
import { machineClock } from "../loops/clock.ts";
import { startReplayLoop } from "../loops/replay-loop.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "../loops/scripted-dispatcher.fixture.ts";
import { deliver } from "./deliver.ts";
import { openOutbox, type UnsentResult } from "./outbox.ts";

let dispatcher: ScriptedDispatcher;
let folder = "";
let stop: AbortController;

beforeEach(async () => {
  dispatcher = await startScriptedDispatcher();
  folder = await mkdtemp(join(tmpdir(), "hive-outbox-"));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await dispatcher.close();
  await rm(folder, { recursive: true, force: true });
});

const clock = { ...machineClock, after: (ms: number, act: () => void) => machineClock.after(Math.min(ms, 2), act) };
const never = (): Promise<boolean> => Promise.resolve(false);

async function unsent(jobId: string, log: UnsentResult["request"]["log"] = null): Promise<UnsentResult> {
  const { fence, token } = await dispatcher.offer({ jobId });
  const outcome = {
    end: "failed",
    error: { code: "script_failed", kind: "work", message: "exit code 1" },
    result: null,
  } as const;
  return { jobId, fence, token, request: { finishId: `finish-id-${fence}`, outcome, log }, logFile: null };
}

function delivering(result: UnsentResult, resendLog = never) {
  return deliver({ client: createClient({ baseUrl: dispatcher.url }), clock, result, signal: stop.signal, resendLog });
}

test("a result whose answer is lost is told again under the same finish id", async () => {
  dispatcher.fault("leaseFinish", "cut", "refuse_connection");
  expect(await delivering(await unsent("a"))).toEqual({ end: "taken", status: "failed" });
  expect(dispatcher.callsOf("leaseFinish").map((call) => (call.body as { finishId: string }).finishId)).toEqual(
    Array(3).fill("finish-id-1"),
  );
});

test("a result under an old fence is lost, one that will never be taken is refused, neither is repeated", async () => {
  const result = await unsent("a");
  dispatcher.stale.add(result.fence);
  expect(await delivering(result)).toMatchObject({ end: "lost" });
  dispatcher.on("leaseFinish", () => {
    throw new HiveError("invalid_field", "no such outcome");
  });
  expect(await delivering(await unsent("b"))).toMatchObject({ end: "refused" });
  expect(dispatcher.callsOf("leaseFinish")).toHaveLength(2);
});

test("what the log lacks is sent first; where that is not possible the result is told without it", async () => {
  const log = { bytes: 5, crc32: 0x3610a686 };
  const result = await unsent("a", log);
  const resend = async (): Promise<boolean> => {
    dispatcher.log.set(result.fence, Buffer.from("hello"));
    return true;
  };
  expect(await delivering(result, resend)).toMatchObject({ end: "taken" });
  expect(dispatcher.callsOf("leaseFinish").at(-1)?.body).toMatchObject({ log });
  expect(await delivering(await unsent("b", log))).toMatchObject({ end: "taken" });
  expect(dispatcher.callsOf("leaseFinish").at(-1)?.body).toMatchObject({ log: null });
});

test("a result is told without its log in the same moment: the server that said so is there now, and may not be later", async () => {
  const waits: number[] = [];
  const after: typeof clock.after = (ms, act) => {
    waits.push(ms);
    return clock.after(ms, act);
  };
  const result = await unsent("a", { bytes: 5, crc32: 0x3610a686 });
  const client = createClient({ baseUrl: dispatcher.url });
  const told = await deliver({ client, clock: { ...clock, after }, result, signal: stop.signal, resendLog: never });
  expect(told).toMatchObject({ end: "taken" });
  expect(waits).toEqual([]);
});

test("results left by an earlier life of the worker are told until taken, and only then leave the disk", async () => {
  const first = await openOutbox(folder, () => undefined);
  await first.save(await unsent("a"));
  await first.save(await unsent("../../etc/passwd"));
  expect((await stat(folder)).mode & 0o777).toBe(0o700);

  dispatcher.on("leaseFinish", () => {
    throw new HiveError("store_failed", "not now");
  });
  const later = await openOutbox(folder, () => undefined);
  const said: string[] = [];
  const replay = startReplayLoop({
    client: createClient({ baseUrl: dispatcher.url }),
    outbox: later,
    clock,
    signal: stop.signal,
    resendLog: never,
    isInWork: () => false,
    say: (message) => void said.push(message),
  });
  await until("several tries", () => dispatcher.callsOf("leaseFinish").length > 3);
  expect(await readdir(folder)).toHaveLength(2);
  const drained = replay.drained();
  dispatcher.on("leaseFinish", () => undefined);
  await drained;
  expect(await readdir(folder)).toEqual([]);
  expect(said).toHaveLength(2);
  stop.abort();
  await replay.done;
});

test("a result that a job still reports itself is left to it", async () => {
  const outbox = await openOutbox(folder, () => undefined);
  await outbox.save(await unsent("a"));
  const replay = startReplayLoop({
    client: createClient({ baseUrl: dispatcher.url }),
    outbox,
    clock,
    signal: stop.signal,
    resendLog: never,
    isInWork: (jobId) => jobId === "a",
    say: () => undefined,
  });
  await replay.drained();
  stop.abort();
  await replay.done;
  expect(dispatcher.callsOf("leaseFinish")).toEqual([]);
  expect(await outbox.list()).toHaveLength(1);
});

test("a broken file is set aside and hides nothing", async () => {
  const warnings: string[] = [];
  const outbox = await openOutbox(folder, (message) => warnings.push(message));
  await outbox.save(await unsent("a"));
  await writeFile(join(folder, "half.json"), '{"jobId":"b"');
  expect((await outbox.list()).map(({ jobId }) => jobId)).toEqual(["a"]);
  expect(warnings).toHaveLength(1);
  expect(await readdir(folder)).toContain("half.json.broken");
});
