/**
 * The LLM gateway as the dispatcher knows it: it asks before each call to a model and tells what came of it, over the
 * simulated network to the real handlers. A question without an answer is asked once more, and then given up; a bill is
 * sent until it was taken. Now and then the gateway dies and forgets the calls it had under way.
 */

import { dayOf } from "@hive/core";
import { ApiError, type LeaseGrant, workerEndpoints } from "@hive/protocol";
import { createBudgetPolicy } from "../../apps/dispatcher/src/budgets/budget-policy.ts";
import { createPriceBook, type PriceBook } from "../../apps/dispatcher/src/prices/price-book.ts";
import { dice, type Dice } from "./dice.ts";
import { Program } from "./program.ts";
import { workerClient } from "./worker-port.ts";
import type { World } from "./world.ts";

/** One token that the model writes costs this much. */
export const TOKEN_NANO = 1_000;
/** Tokens that one generation of a job may pay for, and all jobs of one day. */
export const JOB_TOKENS = 100;
export const DAY_TOKENS = 600;
const MOST_TOKENS = 40;
const MODEL = "simulated";
const PATIENCE_MS = 5_000;

/** Limits and prices of the simulated server. */
export function simulatedBudgets(wall: () => number): {
  readonly budgets: ReturnType<typeof createBudgetPolicy>;
  readonly prices: PriceBook;
  readonly roomMs: number;
} {
  const usd = (tokens: number): number => (tokens * TOKEN_NANO) / 1e9;
  return {
    budgets: createBudgetPolicy({ job: { usd: usd(JOB_TOKENS) }, day: { usd: usd(DAY_TOKENS) } }, []),
    prices: createPriceBook({ [MODEL]: { input: 0, output: 1 } }, wall),
    roomMs: PATIENCE_MS / 2,
  };
}

export class Gateway {
  readonly #world: World;
  readonly #dice: Dice;
  #program: Program;
  #lives = 0;
  #died = Promise.withResolvers<void>();
  #open = 0;

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "gateway");
    this.#program = this.#newProgram();
  }

  /** Calls whose bill was not taken yet. */
  get waiting(): number {
    return this.#program.isDead ? 0 : this.#open;
  }

  /** Does an agent call its model in this step? */
  wants(): boolean {
    return this.#dice.chance(this.#world.scenario.calls.step);
  }

  /** An agent calls its model; resolves when it has an answer, was told that it gets none, or its connection broke. */
  call(lease: LeaseGrant): Promise<void> {
    if (this.#dice.chance(this.#world.scenario.calls.gatewayDies)) this.#die();
    return Promise.race([this.#call(lease, this.#program), this.#died.promise]);
  }

  async #call(lease: LeaseGrant, program: Program): Promise<void> {
    const world = this.#world;
    const client = workerClient(world, program);
    const { jobId, generation } = lease.job;
    const { fence } = lease;
    const callId = `call-${world.numbers.next("call")}`;
    const worst = this.#dice.int(1, MOST_TOKENS);
    const paid = this.#dice.chance(0.1) ? 0 : this.#dice.int(1, worst);
    const final = !this.#dice.chance(0.1) || paid === 0;
    const day = dayOf(world.time.wall());
    const note = (
      what: "asked" | "admitted" | "refused" | "settling" | "settled",
      sentAt: number,
      tokens: number,
    ): void =>
      world.history.add({
        kind: "call",
        at: world.time.now,
        sentAt,
        jobId,
        fence,
        generation,
        callId,
        day,
        what,
        tokens,
      });

    this.#open += 1;
    const body = {
      ...{ token: lease.llmToken, callId, provider: "openai" as const, model: MODEL },
      worst: { inputTokens: 0, outputTokens: worst, webSearches: 0 },
    };
    const sentAt = world.time.now;
    note("asked", sentAt, worst);
    let admitted: boolean | null = null;
    let unsure = false;
    for (let tries = 0; tries < 2 && admitted === null; tries += 1) {
      if (tries > 0) world.counters.count("model call asked for again");
      try {
        await client.call(workerEndpoints.gatewayAdmit, { body }, { timeoutMs: PATIENCE_MS });
        admitted = true;
      } catch (error) {
        if (error instanceof ApiError && !error.retry) admitted = false;
        else unsure = true;
        if (error instanceof ApiError && error.is("budget_exceeded")) {
          world.counters.count("model call refused by a budget");
        }
      }
    }
    if (admitted === true) note("admitted", sentAt, worst);
    if (admitted === false && !unsure) {
      note("refused", sentAt, worst);
      this.#open -= 1;
      return;
    }
    // A question that was not answered may have set something aside: the call is not made, and settled as nothing.
    const [tokens, ended] = admitted === true ? [paid, final] : [0, true];
    if (admitted === true) await program.sleep(this.#dice.int(10, 1_500));
    void this.#settle(program, { jobId, fence, callId, tokens, final: ended, note, worst });
  }

  async #settle(
    program: Program,
    call: {
      readonly jobId: string;
      readonly fence: number;
      readonly callId: string;
      readonly tokens: number;
      readonly final: boolean;
      readonly worst: number;
      readonly note: (what: "settling" | "settled", sentAt: number, tokens: number) => void;
    },
  ): Promise<void> {
    const world = this.#world;
    const { jobId, fence, callId, tokens, final, note, worst } = call;
    const client = workerClient(world, program);
    const figures = { inputTokens: 0, outputTokens: tokens, cacheReadTokens: 0, cacheWriteTokens: 0 };
    const more = { cacheWrite1hTokens: 0, webSearches: 0, final };
    const body = { jobId, fence, callId, provider: "openai" as const, model: MODEL, ...figures, ...more };
    const sentAt = world.time.now;
    const comesTo = final ? tokens : worst;
    note("settling", sentAt, comesTo);
    for (;;) {
      try {
        const { counted } = await client.call(workerEndpoints.gatewayUsage, { body }, { timeoutMs: PATIENCE_MS });
        if (!counted) world.counters.count("bill of a call came twice");
        break;
      } catch (error) {
        // A bill that comes so late that the job is not kept any more is of the server's concern alone.
        if (error instanceof ApiError && error.is("job_forgotten")) break;
        if (error instanceof ApiError && !error.retry) {
          world.trouble(`the bill of ${callId} was refused`, error);
          break;
        }
        await program.sleep(this.#dice.int(100, 1_000));
      }
    }
    note("settled", sentAt, comesTo);
    this.#open -= 1;
  }

  #die(): void {
    if (!this.#world.inTrouble) return;
    if (this.#open > 0) this.#world.counters.count("gateway died with calls under way");
    this.#world.mark("gateway dies");
    this.#program.kill();
    this.#open = 0;
    this.#program = this.#newProgram();
    this.#died.resolve();
    this.#died = Promise.withResolvers();
  }

  #newProgram(): Program {
    this.#lives += 1;
    return new Program("gateway", this.#world.time, dice(this.#world.seed, `gateway life ${this.#lives}`));
  }
}
