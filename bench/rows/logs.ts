/** How fast a job's output reaches the dispatcher's disk, every byte checked. */
import { join } from "node:path";
import { startDispatcher } from "../dispatcher.ts";
import { startRedis } from "../redis.ts";
import { median, type Row, type RowContext } from "../row.ts";

export const logsRow: Row = {
  name: "logs",
  about: "log throughput from the worker's stream to the sealed file, byte-exact",
  run: (context) => measureLogs(context, async () => ({})),
};

export const logsRedisRow: Row = {
  name: "logs-redis",
  about: "the same with the log in Redis, all of it kept",
  run: (context) =>
    measureLogs(context, async () => {
      const { settings } = await startRedis(context.stage, "always");
      return { ...settings, HIVE_REDIS_LOG_BYTES: String(2 ** 30) };
    }),
};

async function measureLogs(
  { stage, pick, say }: RowContext,
  settings: () => Promise<Readonly<Record<string, string>>>,
): ReturnType<Row["run"]> {
  const bytes = pick({ quick: 4_000_000, usual: 64_000_000, full: 200_000_000 });
  const rounds = pick({ quick: 1, usual: 3, full: 3 });
  const written: number[] = [];
  const read: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}: ${bytes / 1e6} MB`);
    const { port } = await startDispatcher(stage, await settings());
    const spool = join(stage.folder("spool"), "log");
    const answer = await stage.measure("logs.ts", [String(port), String(bytes), spool]);
    const { seconds, readSeconds } = answer as { seconds: number; readSeconds: number };
    written.push(bytes / 1e6 / seconds);
    read.push(bytes / 1e6 / readSeconds);
    await stage.clear();
  }
  return [
    {
      name: "log end to end: redacted, spooled, sent, sealed, byte-exact",
      value: median(written),
      unit: "MB/s",
      goal: { of: "value", at: "least", bound: 50 },
    },
    { name: "reading the same log back", value: median(read), unit: "MB/s" },
  ];
}
