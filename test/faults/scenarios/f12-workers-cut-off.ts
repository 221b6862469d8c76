/**
 * F12: the network between workers and the dispatcher swallows packets: all of them, those of requests, or only those of
 * answers, for longer than a lease lasts. A worker that hears nothing kills what it runs before its job is given to
 * somebody else, and sends what nobody confirmed again as it was.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { startTcpProxy } from "../../peers/tcp-proxy.ts";
import { until } from "../../e2e/until.ts";
import type { RunHistory } from "../history.ts";
import { runUnderLoad } from "../load-run.ts";
import { type PlannedJob, planJob } from "../load.ts";
import { type Dropped, openNamespace } from "../namespaces.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const workersCutOff: Scenario = {
  id: "F12",
  title: "workers whose packets, requests or answers are dropped lose their leases and nothing else",
  stores: ["sqlite", "redis"],
  quickStores: ["redis"],
  needsRoot: true,
  run,
};

const PLAN = {
  quick: { jobs: 12, drops: 3, dropMs: 3_400, restMs: 500, leaseMs: 3_000 },
  full: { jobs: 300, drops: 30, dropMs: 10_000, restMs: 4_000, leaseMs: 6_000 },
};
/** A job that was lost waits for all that are more urgent. */
const PATIENCE_MS = 180_000;
const KINDS: readonly [Dropped, ...Dropped[]] = ["in", "both", "out"];
const WORDS = { in: "answers are dropped", out: "requests are dropped", both: "everything is dropped" };

async function run(options: ScenarioOptions): Promise<ScenarioOutcome> {
  const { jobs, drops, dropMs, restMs, leaseMs } = sized(options.size, PLAN);
  using room = openNamespace();
  const { outside } = room.links[0];
  // The dispatchers stay on loopback; this is how the namespace comes to them.
  const count = options.store === "redis" ? 2 : 1;
  await using rooms = new AsyncDisposableStack();
  const doors = await Promise.all(Array.from({ length: count }, () => startTcpProxy({ host: outside })));
  for (const door of doors) rooms.defer(() => door.dispose());
  return await runUnderLoad({
    ...options,
    id: "F12",
    jobs,
    planJob: (n, repo, acts) => slower(planJob(n, repo, acts)),
    world: {
      callbacks: false,
      count,
      workers: 4,
      leaseMs,
      workersStartedBy: room.startedBy,
      workerUrls: (urls) => {
        for (const [n, door] of doors.entries()) door.pointTo(Number(new URL(urls[n] ?? "").port));
        return doors.map(({ port }) => `http://${outside}:${port}`);
      },
    },
    async harm({ history, signal, harmed, done, live }) {
      let caught = 0;
      for (let n = 0; n < drops && !signal.aborted; n += 1) {
        const what = KINDS[n % KINDS.length] ?? KINDS[0];
        // What was caught before is done first: whoever loses a job three times holds it to be poison, and rightly.
        const before = lost(history);
        const isDone = (): boolean => signal.aborted || before.every((id) => live.over.has(id));
        await until("what was lost to be done", isDone, { limitMs: PATIENCE_MS });
        // In the middle of work: of a job that came in only now, for by now all earlier ones may be done.
        const begun = leased(history);
        harmed(n / drops);
        await until("a job to be begun", () => signal.aborted || leased(history) > begun || done() === 1);
        await pause(machineClock, restMs, signal);
        room.drop(what);
        history.mark(WORDS[what]);
        await pause(machineClock, dropMs, signal);
        room.heal();
        history.mark("the network is back");
        if (lost(history).length > before.length) caught += 1;
      }
      return {
        figures: { drops, "leases lost": lost(history).length },
        least: [["drops that cost a lease", caught, Math.ceil(drops / 3)]],
      };
    },
  });
}

/** A script that runs for a while, so that a drop finds it at work. */
function slower(job: PlannedJob): PlannedJob {
  const { script } = job.request;
  if (script === undefined) return job;
  return { ...job, request: { ...job.request, script: script.replace("sleep 0.1", "sleep 1.5") } };
}

function leased({ entries }: RunHistory): number {
  return entries.filter((entry) => entry.kind === "event" && entry.event.type === "job.leased").length;
}

/** The jobs of the leases that ran out, as the event stream told so far. */
function lost({ entries }: RunHistory): readonly string[] {
  return entries.flatMap((entry) => {
    if (entry.kind !== "event" || entry.event.jobId === null) return [];
    const error = entry.event.data["error"] as { readonly code?: string } | null | undefined;
    return error?.code === "worker_lost" ? [entry.event.jobId] : [];
  });
}
