/**
 * Providers whose usage limits are reached: the gateway tells the dispatcher of a job that no more calls are taken
 * before a time. It tells once more when it heard nothing, and then gives up, as the real one does.
 */

import { ApiError, type LeaseGrant, workerEndpoints } from "@hive/protocol";
import { dice, type Dice } from "./dice.ts";
import { Program } from "./program.ts";
import { workerClient } from "./worker-port.ts";
import type { World } from "./world.ts";

const PATIENCE_MS = 5_000;
/** Milliseconds until a limit is there again: around what a job is parked at least. */
const SOONEST_MS = 4_000;
const LATEST_MS = 14_000;

export class Quotas {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #program: Program;

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "quotas");
    this.#program = new Program("quotas", world.time, dice(world.seed, "quotas of the gateway"));
  }

  /** Is a limit reached in this step? */
  isUsedUp(): boolean {
    return this.#world.inTrouble && this.#dice.chance(this.#world.scenario.calls.quota);
  }

  /** Tells the dispatcher; resolves when that was taken or given up. */
  async tell({ fence, job: { jobId } }: LeaseGrant): Promise<void> {
    const world = this.#world;
    const client = workerClient(world, this.#program);
    const until = Math.round(world.time.wall() + this.#dice.int(SOONEST_MS, LATEST_MS));
    const body = { jobId, fence, provider: "openai" as const, until, message: "used up" };
    for (let tries = 0; tries < 2; tries += 1) {
      try {
        const reply = await client.call(workerEndpoints.gatewayQuota, { body }, { timeoutMs: PATIENCE_MS });
        if (reply.parked) world.counters.count("told of a used-up quota");
        world.history.add({ kind: "quota", at: world.time.now, jobId, fence, parked: reply.parked, until });
        return;
      } catch (error) {
        if (error instanceof ApiError && !error.retry) return;
      }
    }
  }
}
