/**
 * All sources of hive.yaml, on the queen alone: the intake process runs while this dispatcher is the queen, and each
 * source reads what waits, polls, and makes jobs of what is due. It keeps nothing that matters: at each beginning as the
 * queen everything is found again in the store, so a crash between any two lines costs time and nothing else.
 */

import { HiveError, type CommandOf, type Delivery, type Group } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { SecretPlace } from "../credentials/repo-rules.ts";
import type { KeptIntake } from "../intake/intake-process.ts";
import type { Explained } from "../intake/messages.ts";
import type { Queue } from "../queue/contract.ts";
import type { HookRequest } from "./contract.ts";
import type { Deliveries } from "./deliveries.ts";
import type { FoundKeeper } from "./keep-found.ts";
import type { GroupOpener } from "./open-groups.ts";
import type { HealthBook, SourceHealth } from "./source-health.ts";
import { type Polls, startPolls } from "./source-polls.ts";
import { placeKey } from "./source-secrets.ts";
import type { Source } from "./source-settings.ts";
import { wakeRefused } from "./wake-refused.ts";

/** The longest time between two looks, and the time after which what could not be done is tried again, in milliseconds. */
const LOOK_MS = 30_000;
const AGAIN_MS = 5_000;
/** Codes that mean: later. Nothing is wrong with this server. */
const USUAL: ReadonlySet<string> = new Set(["not_ready", "store_failed", "queue_full", "stale_cursor"]);

export interface SourcesOptions {
  readonly sources: readonly Source[];
  /** By `placeKey`. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly queue: Pick<Queue, "submit" | "documents" | "onEffect" | "onReadiness" | "readiness">;
  readonly clock: Clock;
  readonly health: HealthBook;
  readonly deliveries: Deliveries;
  readonly opener: GroupOpener;
  readonly keep: FoundKeeper;
  /** Starts the intake process. */
  readonly startIntake: () => Promise<KeptIntake>;
  readonly onTrouble: (message: string, error: unknown) => void;
}

/** What the rest of the dispatcher asks of sources. */
export interface Sources {
  start(): void;
  /** Waits for what is under way. Safe to call twice. */
  stop(): Promise<void>;
  list(): readonly { readonly source: Source; readonly health: SourceHealth }[];
  /** @throws HiveError not_found */
  find(id: string): { readonly source: Source; readonly health: SourceHealth };
  /** Takes a delivery in. @throws HiveError not_found, unauthorized, source_busy, not_ready */
  receive(id: string, request: HookRequest): Promise<{ readonly deliveryId: string }>;
  /** What a delivery would be, and nothing is kept. @throws HiveError not_found, invalid_field, not_ready */
  explain(id: string, request: HookRequest): Promise<readonly Explained[]>;
  /** @throws HiveError not_found, not_ready */
  replay(id: string, deliveryId: string): Promise<Delivery>;
  /** @throws HiveError as `controlGroup` */
  control(command: Omit<CommandOf<"controlGroup">, "type" | "policy">): Promise<Group>;
}

/** What runs of one source while this is the queen. */
interface Running {
  readonly source: Source;
  readonly polls: Polls | null;
  work: Promise<void> | null;
  again: boolean;
  begun: boolean;
  cancel: () => void;
}

export function createSources(options: SourcesOptions): Sources {
  const { sources, secrets, queue, clock, health, deliveries, opener, keep, startIntake, onTrouble } = options;
  const byId = new Map(sources.map((source) => [source.id, source]));
  const running = new Map<string, Running>();
  let intake: KeptIntake | null = null;
  let stopped = false;
  /** What begins and ends does so one after the other. */
  let turn: Promise<void> = Promise.resolve();
  let cancelRetry = (): void => {};

  function mustFind(id: string): Source {
    const source = byId.get(id);
    if (source === undefined) throw new HiveError("not_found", `There is no source ${id}`, { source: id });
    return source;
  }

  function mustHaveIntake(): KeptIntake {
    if (intake !== null) return intake;
    throw new HiveError("not_ready", "The intake of sources is starting; try again in a moment", {
      retryAfterMs: 1_000,
    });
  }

  const secretOf = (place: SecretPlace): string => {
    const value = secrets.get(placeKey(place));
    if (value === undefined) throw new Error(`${placeKey(place)} was not read at the start`);
    return value;
  };

  function look(id: string): void {
    const one = running.get(id);
    if (one === undefined) return;
    if (one.work !== null) {
      one.again = true;
      return;
    }
    one.cancel();
    one.again = false;
    one.work = work(one).finally(() => {
      one.work = null;
      if (one.again) look(id);
    });
  }

  async function work(one: Running): Promise<void> {
    const { source } = one;
    let nextAt: number | null = null;
    let wait = LOOK_MS;
    try {
      const process = mustHaveIntake();
      const unread = await readWaiting(one, process);
      if (!one.begun) await wakeRefused(queue, source);
      one.begun = true;
      nextAt = await opener.look(source, process);
      // What was read before has its job whatever is wrong with the next delivery.
      if (unread !== null) throw unread.error;
    } catch (error) {
      wait = AGAIN_MS;
      const usual = error instanceof HiveError ? USUAL.has(error.code) : intake === null;
      if (!usual) {
        health.bad(source.id, clock.wall(), error instanceof Error ? error.message : String(error));
        onTrouble(`source ${source.id} could not be worked on; it is tried again in a moment`, error);
      }
    }
    // Wall clocks jump and machines sleep: never much later than that, whatever is to come.
    const ms = Math.max(0, Math.min(wait, nextAt === null ? wait : nextAt - clock.wall()));
    if (running.has(source.id)) one.cancel = clock.after(ms, () => look(source.id));
  }

  /** Reads what was delivered. Gives why it could not go on, or null. */
  async function readWaiting(one: Running, process: KeptIntake): Promise<{ readonly error: unknown } | null> {
    if (one.source.type.hook === null) return null;
    try {
      if (await deliveries.readWaiting(one.source, process)) one.again = true;
      return null;
    } catch (error) {
      return { error };
    }
  }

  async function begin(): Promise<void> {
    if (intake !== null || stopped || sources.length === 0 || !queue.readiness().ready) return;
    health.clear();
    const process = await startIntake();
    intake = process;
    for (const source of sources) {
      const { id, everyMs } = source;
      const polls =
        everyMs === null
          ? null
          : startPolls({ source, everyMs, queue, clock, intake: process, keep, health, onTrouble });
      running.set(id, { source, polls, work: null, again: false, begun: false, cancel: () => undefined });
      look(id);
    }
  }

  async function end(): Promise<void> {
    const process = intake;
    const all = [...running.values()];
    intake = null;
    running.clear();
    for (const one of all) one.cancel();
    // Before what waits for its answers.
    await process?.stop();
    await Promise.all(
      all.map(async ({ polls, work: under }) => {
        await polls?.stop();
        await under;
      }),
    );
  }

  function changed(ready: boolean): void {
    cancelRetry();
    turn = turn.then(ready ? begin : end).catch((error: unknown) => {
      onTrouble("the intake of sources did not start; trying again in a moment", error);
      cancelRetry = clock.after(AGAIN_MS, () => changed(queue.readiness().ready));
    });
  }

  const unlisten: (() => void)[] = [];
  return {
    start() {
      if (sources.length === 0) return;
      unlisten.push(
        queue.onReadiness(({ ready }) => changed(ready)),
        queue.onEffect((effect) => {
          if (effect.type === "source") look(effect.source);
          // The ids of its jobs begin with the source's id, which has no dot.
          else if (effect.type === "ended") look(effect.jobId.split(".", 1)[0] ?? "");
        }),
      );
      changed(queue.readiness().ready);
    },

    async stop() {
      stopped = true;
      cancelRetry();
      for (const off of unlisten.splice(0)) off();
      await turn;
      await end();
    },

    list: () => sources.map((source) => ({ source, health: health.of(source.id) })),

    find(id) {
      const source = mustFind(id);
      return { source, health: health.of(id) };
    },

    async receive(id, request) {
      const source = mustFind(id);
      const { hook } = source.type;
      if (hook === null) {
        throw new HiveError("not_found", `The source ${id} (${source.type.name}) reads by itself and takes nothing`);
      }
      hook.verify(request, secretOf);
      return deliveries.receive(source, request);
    },

    async explain(id, request) {
      const source = mustFind(id);
      if (source.type.hook === null) {
        throw new HiveError(
          "invalid_field",
          `The source ${id} (${source.type.name}) reads by itself and takes nothing`,
        );
      }
      return deliveries.explain(source, request, mustHaveIntake());
    },

    async replay(id, deliveryId) {
      return deliveries.replay(mustFind(id), deliveryId, mustHaveIntake());
    },

    async control(command) {
      const { policy } = mustFind(command.source);
      const { group } = await queue.submit<"controlGroup">({ ...command, type: "controlGroup", policy });
      return group;
    },
  };
}
