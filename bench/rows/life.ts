/** How many whole lives a second: put in, claimed, begun, finished, every step over HTTP and synced. */
import { type Figure, type Goal, median, type Row, type RowContext } from "../row.ts";
import { BULL_NAMES, type Place, PLACE_NAMES, REDIS_PLACES, takeTurns } from "../turns.ts";

const WORKERS = 100;

interface Seconds {
  readonly addSeconds: number;
  readonly drainSeconds: number;
}

export const lifeRow: Row = {
  name: "life",
  about: "enqueue, claim, heartbeat and finish over HTTP by 100 workers",
  run: (context) => measureLife(context, "sqlite"),
};

export const lifeRedisRow: Row = {
  name: "life-redis",
  about: "the same with the jobs in Redis, beside BullMQ on the same Redis",
  run: async (context) => {
    const figures: Figure[] = [];
    for (const place of REDIS_PLACES) figures.push(...(await measureLife(context, place)));
    return figures;
  },
};

async function measureLife({ stage, pick, say }: RowContext, place: Place): Promise<Figure[]> {
  const jobs = pick({ quick: 500, usual: 20_000, full: 50_000 });
  const rounds = pick({ quick: 1, usual: 3, full: 3 });
  const hive: Seconds[] = [];
  const bull: Seconds[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}, ${PLACE_NAMES[place]}`);
    const seconds = await takeTurns(stage, place, {
      hive: async ({ port }) =>
        (await stage.measure("life.ts", [String(port), String(jobs), String(WORKERS)])) as Seconds,
      bull: async (port) => (await stage.measure("bullmq.ts", ["life", String(port), String(jobs)])) as Seconds,
    });
    hive.push(seconds.hive);
    bull.push(seconds.bull);
  }
  const whole = median(hive.map(({ addSeconds, drainSeconds }) => jobs / (addSeconds + drainSeconds)));
  const bullDrain = median(bull.map(({ drainSeconds }) => jobs / drainSeconds));
  const goal: Goal = { of: "ratio", at: "least", bound: 1 };
  const unit = "jobs/s";
  return [
    {
      name: `whole life over HTTP, 100 workers, ${PLACE_NAMES[place]}`,
      value: whole,
      unit,
      anchor: { name: `BullMQ drain in process (without its add), ${BULL_NAMES[place]}`, value: bullDrain },
      // Set for the default store.
      ...(place === "sqlite" ? { goal } : {}),
      note: "Hive: four requests a job, the load program on the same cores; BullMQ: no HTTP",
    },
    {
      name: "the same, like for like: both with their add",
      value: whole,
      unit,
      anchor: {
        name: "BullMQ add and drain in process",
        value: median(bull.map(({ addSeconds, drainSeconds }) => jobs / (addSeconds + drainSeconds))),
      },
    },
    {
      name: "claim, heartbeat and finish alone",
      value: median(hive.map(({ drainSeconds }) => jobs / drainSeconds)),
      unit,
      anchor: { name: "BullMQ drain in process", value: bullDrain },
    },
  ];
}
