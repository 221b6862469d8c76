/**
 * Hive and BullMQ one after the other, each with the machine to itself: Hive on its default store beside a BullMQ with the
 * settings of its guide, or both on one Redis that syncs the same way for both.
 */
import { type BenchDispatcher, startDispatcher } from "./dispatcher.ts";
import { type Fsync, startRedis } from "./redis.ts";
import type { Stage } from "./stage.ts";

/** Where Hive keeps its jobs: SQLite, or a Redis that syncs like this. */
export type Place = "sqlite" | Fsync;

/** The rows on Redis measure both ways to sync. */
export const REDIS_PLACES: readonly Fsync[] = ["always", "everysec"];

/** In figures' names. */
export const PLACE_NAMES: Readonly<Record<Place, string>> = {
  sqlite: "synced",
  always: "on Redis, synced",
  everysec: "on Redis, synced every second",
};

/** Under which setting BullMQ runs beside it. */
export const BULL_NAMES: Readonly<Record<Place, string>> = {
  sqlite: "everysec",
  always: "same Redis, always",
  everysec: "same Redis, everysec",
};

/** How each of them is measured. */
export interface Turns<H, B> {
  readonly hive: (dispatcher: BenchDispatcher) => Promise<H>;
  /** @param port of the Redis it is to use */
  readonly bull: (port: number) => Promise<B>;
}

/** One turn of each. Everything it started has ended when it resolves. */
export async function takeTurns<H, B>(stage: Stage, place: Place, turns: Turns<H, B>): Promise<{ hive: H; bull: B }> {
  if (place === "sqlite") {
    const hive = await turns.hive(await startDispatcher(stage));
    await stage.clear();
    const redis = await startRedis(stage, "everysec");
    const bull = await turns.bull(redis.port);
    await stage.clear();
    return { hive, bull };
  }
  const redis = await startRedis(stage, place);
  const dispatcher = await startDispatcher(stage, redis.settings);
  const hive = await turns.hive(dispatcher);
  await dispatcher.stop();
  await redis.empty();
  const bull = await turns.bull(redis.port);
  await stage.clear();
  return { hive, bull };
}
