/**
 * Keeps every pool at its size. It looks whenever the queue changed, a worker ended or time has come, and each look does
 * what `plan.ts` decides. Nothing is guessed: while a provider cannot say which workers there are, nothing is started.
 */

import type { Effect } from "@hive/core";
import type { LaunchTokens } from "../auth/registration.ts";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import { createCrew } from "./crew.ts";
import { tellFallen } from "./gone.ts";
import { createLooks } from "./looks.ts";
import { type Plan, plan } from "./plan.ts";
import { closedBecause, createPoolKeeper, type PoolKeeper, strayPool } from "./pool-keeper.ts";
import type { Pool, ProviderName } from "./pool-settings.ts";
import { type PoolView, viewPool } from "./pool-view.ts";
import type { Provider } from "./provider.ts";

export interface FleetOptions {
  /** In the order in which jobs that fit several are dealt out. */
  readonly pools: readonly Pool[];
  /** One for each name the pools use. */
  readonly providers: ReadonlyMap<ProviderName, Provider>;
  /** Workers of all pools together, at most. */
  readonly max: number;
  readonly queue: Pick<Queue, "read" | "submit" | "onEffect" | "readiness">;
  /**
   * Names this dispatcher among those that share its store, in the names of its workers: each starts and ends its own,
   * and only while it is the queen. Null: there is one dispatcher.
   */
  readonly dispatcher: string | null;
  readonly clock: Clock;
  readonly tokens: LaunchTokens;
  /** Every agent adapter there is: what a worker might offer before one of its pool was seen. */
  readonly everyAgent: readonly string[];
  /** The worker's settings beside name, slot, provider and token. */
  readonly environmentOf: (pool: Pool, slot: number) => Readonly<Record<string, string>>;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export interface Fleet {
  /** Every pool as people see it, in the order of the settings. */
  pools(): readonly PoolView[];
  /** Looks again soon, as if something had changed. */
  poke(): void;
  /** Stops all workers: SIGTERM, and after `graceMs` SIGKILL. Safe to call twice. */
  stop(graceMs: number): Promise<void>;
}

/** Milliseconds after which something that could not be known is asked again. */
const AGAIN_MS = 5_000;
/** Milliseconds after which a pool that was ready is looked at again: images are removed and replaced. */
const READY_AGAIN_MS = 60_000;

/** Starts the fleet; resolves after its first look, without waiting for the workers. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { clock, log, queue } = options;
  const now = (): { mono: number; wall: number } => ({ mono: clock.mono(), wall: clock.wall() });
  const keepers: PoolKeeper[] = [];
  for (const pool of options.pools) {
    const provider = options.providers.get(pool.provider);
    if (provider === undefined) throw new Error(`there is no provider ${pool.provider}`);
    keepers.push(createPoolKeeper(pool, provider));
  }
  let stopping: Promise<void> | null = null;

  const looks = createLooks({
    clock,
    look,
    // The store is away for a moment, or something unforeseen: everything is held as it is.
    onTrouble: (error) => log.warn(`the fleet could not look: ${text(error)}`),
  });
  const { poke } = looks;
  const crew = createCrew({
    dispatcher: options.dispatcher,
    queue,
    clock,
    tokens: options.tokens,
    environmentOf: options.environmentOf,
    keeperOf: (one) => keepers.find((keeper) => keeper.provider === one.provider && keeper.pool.name === one.pool),
    onChange: poke,
    log,
  });

  /** One look. Gives the moment of the next one. */
  async function look(): Promise<number> {
    const readiness = queue.readiness();
    // A standby knows no jobs, and its workers are as good as the queen's: they stay. An election brings it back here.
    if (!readiness.ready && readiness.role === "standby") return Number.POSITIVE_INFINITY;
    for (const [name, provider] of options.providers) await list(name, provider);
    await prepare();
    if (stopping !== null) return Number.POSITIVE_INFINITY;
    const { max, everyAgent } = options;
    const decided = await queue.read((state) =>
      plan(state, { keepers, launches: crew.all(), max, everyAgent, ...now() }),
    );
    if (stopping !== null) return Number.POSITIVE_INFINITY;
    carryOut(decided);
    const isHeld = keepers.some(({ listed, readiness }) => !listed || readiness?.ready === false);
    return Math.min(
      decided.nextAt ?? Number.POSITIVE_INFINITY,
      isHeld ? clock.mono() + AGAIN_MS : Number.POSITIVE_INFINITY,
    );
  }

  /** Learns once which workers a provider has; until that is known its pools hold. */
  async function list(name: ProviderName, provider: Provider): Promise<void> {
    const own = keepers.filter((keeper) => keeper.provider === provider);
    if (own.every(({ listed, listAgainAt }) => listed || listAgainAt > clock.mono())) return;
    try {
      const running = await provider.list();
      for (const found of running) {
        if (crew.has(found.launchId)) continue;
        const known = await queue.read((state) => state.workers.get(found.name)?.record.provider === provider.name);
        crew.takeIn(found, provider, known);
        if (!keepers.some((one) => one.provider === provider && one.pool.name === found.pool)) {
          keepers.push({ ...createPoolKeeper(strayPool(found.pool, name), provider, false), listed: true });
        }
      }
      await tellFallen(queue, provider, running, options.dispatcher);
      for (const keeper of own) {
        keeper.listed = true;
        keeper.listError = null;
      }
    } catch (error) {
      for (const keeper of own) {
        keeper.listError = text(error);
        keeper.listAgainAt = clock.mono() + AGAIN_MS;
      }
    }
  }

  /** Looks whether what workers are made of is there; where it can be made, that begins here, before there is a job. */
  async function prepare(): Promise<void> {
    for (const keeper of keepers) {
      if (keeper.askReadyAt > clock.mono() || closedBecause(keeper, clock.wall()) !== null) continue;
      const before = keeper.readiness;
      const after = await keeper.provider.prepare(keeper.needs);
      keeper.readiness = after;
      keeper.askReadyAt = clock.mono() + (after.ready ? READY_AGAIN_MS : AGAIN_MS);
      // Another image may bring other agents.
      if (before?.ready === true && after.ready && before.image?.digest !== after.image?.digest) keeper.agents = null;
    }
  }

  function carryOut(decided: Plan): void {
    for (const one of decided.drain) crew.drain(one);
    for (const one of decided.askAgain) crew.askAgain(one);
    for (const one of decided.neverCame) crew.giveUp(one);
    for (const one of decided.neverLeft) crew.end(one);
    for (const [keeper, number] of decided.start) {
      for (let n = 0; n < number; n += 1) crew.start(keeper);
      keeper.counts = { ...keeper.counts, starting: keeper.counts.starting + number };
    }
  }

  function onEffect(effect: Effect): void {
    if (effect.type === "ready" || effect.type === "reloaded") return poke();
    if (effect.type !== "event" && effect.type !== "signal") return;
    const workerId = effect.type === "signal" ? effect.workerId : effect.event.data["workerId"];
    const one = typeof workerId === "string" ? crew.named(workerId) : undefined;
    if (one === undefined) return;
    if (effect.type === "signal") one.asked ||= effect.signal === "drain";
    else if (effect.event.type === "worker.registered") one.known = true;
    else if (effect.event.type === "job.leased") one.served = true;
    poke();
  }

  function onChange(provider: Provider): void {
    for (const keeper of keepers.filter((one) => one.provider === provider)) {
      keeper.askReadyAt = Number.NEGATIVE_INFINITY;
      keeper.listAgainAt = Number.NEGATIVE_INFINITY;
    }
    poke();
  }

  const unlisten = [queue.onEffect(onEffect)];
  for (const provider of options.providers.values()) {
    unlisten.push(
      provider.onExit((exit) => crew.ended(provider, exit)),
      provider.onChange(() => onChange(provider)),
    );
  }
  await looks.now();

  return {
    pools: () => keepers.map((keeper) => viewPool(keeper, now())),
    poke,
    stop(graceMs) {
      stopping ??= (async () => {
        await looks.stop();
        await crew.stop(graceMs);
        for (const stop of unlisten) stop();
        for (const provider of options.providers.values()) provider.close();
      })();
      return stopping;
    },
  };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
