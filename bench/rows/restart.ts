/** How long a dispatcher that was killed takes to answer again with very many jobs waiting. */
import { readFileSync } from "node:fs";
import { type BenchDispatcher, startDispatcher } from "../dispatcher.ts";
import { startRedis } from "../redis.ts";
import { median, type Figure, type Row, type RowContext } from "../row.ts";
import { putJobsIn } from "./put-jobs-in.ts";

const GOAL_JOBS = 1_000_000;
const GOAL_SECONDS = 10;
export const restartRow: Row = {
  name: "restart",
  about: "seconds from the start of the process to ready, after a SIGKILL, with very many jobs waiting",
  run: (context) => measureRestart(context, "SQLite", () => startDispatcher(context.stage)),
};

export const restartRedisRow: Row = {
  name: "restart-redis",
  about: "the same with the jobs in Redis, which goes on running",
  run: (context) =>
    measureRestart(context, "Redis", async () => {
      const redis = await startRedis(context.stage, "always");
      return startDispatcher(context.stage, redis.settings);
    }),
};

async function measureRestart(
  { stage, pick, say }: RowContext,
  store: "SQLite" | "Redis",
  begin: () => Promise<BenchDispatcher>,
): ReturnType<Row["run"]> {
  const jobs = pick({ quick: 2_000, usual: 100_000, full: GOAL_JOBS });
  const starts = pick({ quick: 1, usual: 3, full: 3 });
  const empty: number[] = [];
  for (let n = 0; n < starts; n += 1) {
    const dispatcher = await begin();
    await dispatcher.stop("SIGKILL");
    empty.push(await dispatcher.start());
    await stage.clear();
  }

  say(`putting ${jobs.toLocaleString("en-US")} jobs in`);
  const dispatcher = await begin();
  await putJobsIn(dispatcher.port, jobs);
  const full: number[] = [];
  for (let n = 1; n <= starts; n += 1) {
    await dispatcher.stop("SIGKILL");
    say(`start ${n} of ${starts}`);
    full.push(await dispatcher.start());
  }
  await check(dispatcher.port, jobs);
  const resident = residentMiB(dispatcher.pid());

  const bare = median(empty) / 1_000;
  const seconds = median(full) / 1_000;
  const count = jobs.toLocaleString("en-US");
  const note = `${resident} MiB resident afterwards${store === "SQLite" ? "; the files were in the page cache" : ""}`;
  const measured: Figure = {
    name: `restart with ${count} waiting in ${store}`,
    value: seconds,
    unit: "s",
    anchor: { name: "restart with none", value: bare },
    note,
  };
  if (jobs === GOAL_JOBS) return [{ ...measured, goal: { of: "value", at: "most", bound: GOAL_SECONDS } }];
  return [
    measured,
    {
      name: `restart with 1,000,000 waiting in ${store}, reckoned from that`,
      value: bare + Math.max(0, seconds - bare) * (GOAL_JOBS / jobs),
      unit: "s",
      goal: { of: "value", at: "most", bound: GOAL_SECONDS },
      note: "reckoned, not measured: --full measures it",
    },
  ];
}

/** All of them are there again, or the time means nothing. */
async function check(port: number, jobs: number): Promise<void> {
  const health = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as { queue: { queued: number } };
  if (health.queue.queued !== jobs) throw new Error(`${jobs} jobs went in and ${health.queue.queued} are there`);
}

function residentMiB(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024);
}
