/** How many jobs a second are accepted over HTTP, each synced to the disk before its reply. */
import { API_TOKEN, startDispatcher } from "../dispatcher.ts";
import { JOB_TEXT } from "../job-body.ts";
import { startRedis } from "../redis.ts";
import { median, type Row, type RowContext } from "../row.ts";
import { wrk } from "./wrk.ts";

const CONNECTIONS = 100;

export const enqueueRow: Row = {
  name: "enqueue",
  about: "jobs accepted over HTTP by 100 connections, synced before the reply",
  run: measureEnqueue,
};

async function measureEnqueue({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const seconds = pick({ quick: 1, usual: 5, full: 10 });
  const adds = pick({ quick: 500, usual: 50_000, full: 100_000 });
  const rounds = pick({ quick: 1, usual: 3, full: 3 });
  const load = { token: API_TOKEN, body: JOB_TEXT, connections: CONNECTIONS };

  const hive: number[] = [];
  const echo: number[] = [];
  const bull: number[] = [];
  // One after the other in each round, so that a machine that slows down slows all of them.
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}: Hive`);
    const dispatcher = await startDispatcher(stage);
    const url = `${dispatcher.url}/enqueue`;
    await wrk(stage, { ...load, url, seconds: 1 });
    hive.push(await wrk(stage, { ...load, url, seconds }));
    await stage.clear();

    say(`round ${round} of ${rounds}: a bare fastify`);
    const echoUrl = `http://127.0.0.1:${await startEcho(stage)}/enqueue`;
    await wrk(stage, { ...load, url: echoUrl, seconds: 1 });
    echo.push(await wrk(stage, { ...load, url: echoUrl, seconds }));
    await stage.clear();

    say(`round ${round} of ${rounds}: BullMQ`);
    const redis = await startRedis(stage);
    const answer = (await stage.measure("bullmq.ts", ["add", String(redis), String(adds)])) as { seconds: number };
    bull.push(adds / answer.seconds);
    await stage.clear();
  }

  const value = median(hive);
  const name = "enqueue over HTTP, 100 connections, synced";
  return [
    {
      name,
      value,
      unit: "jobs/s",
      anchor: { name: "BullMQ add in process, everysec", value: median(bull) },
      goal: { of: "ratio", at: "least", bound: 1.3 },
    },
    {
      name,
      value,
      unit: "jobs/s",
      anchor: { name: "bare fastify echo, same body", value: median(echo) },
      goal: { of: "ratio", at: "least", bound: 0.7 },
    },
  ];
}

async function startEcho(stage: RowContext["stage"]): Promise<number> {
  const path = new URL("../programs/echo.ts", import.meta.url).pathname;
  return new Promise((resolve, reject) => {
    const program = stage.start(process.execPath, [path], { onOutput: (text) => resolve(Number(text.trim())) });
    program.ended.then(() => reject(new Error(`the echo server ended:\n${program.printed()}`)), reject);
  });
}
