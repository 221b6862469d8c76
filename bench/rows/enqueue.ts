/** How many jobs a second are accepted over HTTP, each synced to the disk before its reply. */
import { API_TOKEN } from "../dispatcher.ts";
import { JOB_TEXT } from "../job-body.ts";
import { type Figure, median, type Row, type RowContext } from "../row.ts";
import { BULL_NAMES, type Place, PLACE_NAMES, REDIS_PLACES, takeTurns } from "../turns.ts";
import { wrk } from "./wrk.ts";

const CONNECTIONS = 100;
const LOAD = { token: API_TOKEN, body: JOB_TEXT, connections: CONNECTIONS };

export const enqueueRow: Row = {
  name: "enqueue",
  about: "jobs accepted over HTTP by 100 connections, synced before the reply",
  run: (context) => measureEnqueue(context, "sqlite"),
};

export const enqueueRedisRow: Row = {
  name: "enqueue-redis",
  about: "the same with the jobs in Redis, beside BullMQ on the same Redis",
  run: async (context) => {
    const figures: Figure[] = [];
    for (const place of REDIS_PLACES) figures.push(...(await measureEnqueue(context, place)));
    return figures;
  },
};

async function measureEnqueue({ stage, pick, say }: RowContext, place: Place): Promise<Figure[]> {
  const seconds = pick({ quick: 1, usual: 5, full: 10 });
  const adds = pick({ quick: 500, usual: 50_000, full: 100_000 });
  const rounds = pick({ quick: 1, usual: 3, full: 3 });
  const hive: number[] = [];
  const bull: number[] = [];
  const echo: number[] = [];
  // One after the other in each round, so that a machine that slows down slows all of them.
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}, ${PLACE_NAMES[place]}`);
    const rates = await takeTurns(stage, place, {
      hive: async (dispatcher) => {
        const url = `${dispatcher.url}/enqueue`;
        await wrk(stage, { ...LOAD, url, seconds: 1 });
        return wrk(stage, { ...LOAD, url, seconds });
      },
      bull: async (port) => {
        const answer = (await stage.measure("bullmq.ts", ["add", String(port), String(adds)])) as { seconds: number };
        return adds / answer.seconds;
      },
    });
    hive.push(rates.hive);
    bull.push(rates.bull);
    if (place !== "sqlite") continue;
    const echoUrl = `http://127.0.0.1:${await startEcho(stage)}/enqueue`;
    await wrk(stage, { ...LOAD, url: echoUrl, seconds: 1 });
    echo.push(await wrk(stage, { ...LOAD, url: echoUrl, seconds }));
    await stage.clear();
  }
  const figure = {
    name: `enqueue over HTTP, 100 connections, ${PLACE_NAMES[place]}`,
    value: median(hive),
    unit: "jobs/s",
  };
  const besideBull = {
    ...figure,
    anchor: { name: `BullMQ add in process, ${BULL_NAMES[place]}`, value: median(bull) },
  };
  // The goals were set for the default store; on Redis the comparison is like for like, and the figure speaks for itself.
  if (place !== "sqlite") return [besideBull];
  return [
    { ...besideBull, goal: { of: "ratio", at: "least", bound: 1.3 } },
    {
      ...figure,
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
