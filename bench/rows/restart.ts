/** How long a dispatcher that was killed takes to answer again with very many jobs waiting. */
import { readFileSync } from "node:fs";
import { API_TOKEN, startDispatcher } from "../dispatcher.ts";
import { HttpConnection } from "../http-connection.ts";
import { JOB_BODY } from "../job-body.ts";
import { median, type Figure, type Row, type RowContext } from "../row.ts";

const GOAL_JOBS = 1_000_000;
const GOAL_SECONDS = 10;
/** Jobs of one request. */
const BATCH = 1_000;

export const restartRow: Row = {
  name: "restart",
  about: "seconds from the start of the process to ready, after a SIGKILL, with very many jobs waiting",
  run: measureRestart,
};

async function measureRestart({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const jobs = pick({ quick: 2_000, usual: 100_000, full: GOAL_JOBS });
  const starts = pick({ quick: 1, usual: 3, full: 3 });
  const empty: number[] = [];
  for (let n = 0; n < starts; n += 1) {
    const dispatcher = await startDispatcher(stage);
    await dispatcher.stop("SIGKILL");
    empty.push(await dispatcher.start());
    await stage.clear();
  }

  say(`putting ${jobs.toLocaleString("en-US")} jobs in`);
  const dispatcher = await startDispatcher(stage);
  await fill(dispatcher.port, jobs);
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
  const note = `${resident} MiB resident afterwards; the files were in the page cache`;
  const measured: Figure = {
    name: `restart with ${count} waiting`,
    value: seconds,
    unit: "s",
    anchor: { name: "restart with none", value: bare },
    note,
  };
  if (jobs === GOAL_JOBS) return [{ ...measured, goal: { of: "value", at: "most", bound: GOAL_SECONDS } }];
  return [
    measured,
    {
      name: "restart with 1,000,000 waiting, reckoned from that",
      value: bare + Math.max(0, seconds - bare) * (GOAL_JOBS / jobs),
      unit: "s",
      goal: { of: "value", at: "most", bound: GOAL_SECONDS },
      note: "reckoned, not measured: --full measures it",
    },
  ];
}

async function fill(port: number, jobs: number): Promise<void> {
  const connection = await HttpConnection.open(port);
  for (let done = 0; done < jobs; done += BATCH) {
    const body = { jobs: Array.from({ length: Math.min(BATCH, jobs - done) }, () => JOB_BODY) };
    await connection.expect(202, "/v1/jobs", API_TOKEN, body);
  }
  connection.close();
}

/** All of them are there again, or the time means nothing. */
async function check(port: number, jobs: number): Promise<void> {
  const health = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as { queue: { queued: number } };
  if (health.queue.queued !== jobs) throw new Error(`${jobs} jobs went in and ${health.queue.queued} are there`);
}

function residentMiB(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024);
}
