/**
 * Keeps one worker in every slot. A worker that ends is replaced: at once the first time, later and later when it keeps
 * dying, so that a broken machine is not kept busy with starting. Each start has an id and a registration token of its
 * own that opens the door once.
 */

import { randomUUID } from "node:crypto";
import type { WorkerProfile } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Exit, PoolNeeds, Provider } from "./provider.ts";

export interface FleetOptions {
  readonly provider: Provider;
  /** How many workers there should be. */
  readonly size: number;
  readonly clock: Clock;
  /** A registration token for one worker, taken once; `profile` outweighs what the worker says of itself. */
  readonly issueLaunchToken: (profile: Partial<WorkerProfile>) => string;
  /** The token's worker is gone: it opens nothing any more. */
  readonly revokeLaunchToken: (token: string) => void;
  /** The worker's settings beside name, slot, provider and token: address, data folder, PATH … */
  readonly environmentOf: (slot: number) => Readonly<Record<string, string>>;
  /** A worker is certainly gone, and with it its lease. Its slot gets a new worker only once this is settled; must not reject. */
  readonly onGone: (gone: Gone) => Promise<void>;
  readonly log: { info(message: string): void; warn(message: string): void };
  /** Default `hive-worker`: names are this and the slot's number from 1. */
  readonly namePrefix?: string;
}

/** Whatever worker registered under this name with this provider is gone. */
export interface Gone {
  readonly name: string;
  readonly provider: string;
  /** It died by itself: a job that had begun may be the cause. */
  readonly blame: boolean;
  readonly message: string;
}

export interface SlotStatus {
  readonly name: string;
  readonly state: "starting" | "running" | "left over" | "waiting" | "stopped";
  /** Starts that ended too soon, in a row. */
  readonly failures: number;
}

export interface Fleet {
  /** What every slot does now. */
  status(): readonly SlotStatus[];
  /** Stops all workers: SIGTERM, and after `graceMs` SIGKILL. Safe to call twice. */
  stop(graceMs: number): Promise<void>;
}

/** Milliseconds before the n-th start after a quick end. */
export const RESTART_DELAYS_MS = [0, 5_000, 10_000, 20_000, 40_000, 80_000] as const;
/** A worker that ran this long was healthy, in milliseconds. */
const HEALTHY_MS = 120_000;
const DEFAULT_NEEDS: PoolNeeds = {
  name: "default",
  image: null,
  cpus: null,
  memoryBytes: null,
  diskBytes: null,
  pids: null,
};

interface Slot {
  readonly slot: number;
  readonly name: string;
  state: SlotStatus["state"];
  failures: number;
  launchId: string | null;
  token: string | null;
  startedAt: number;
  starting: Promise<void>;
  /** The queue has heard of the end of the worker before. */
  settled: Promise<void>;
  takeBack: () => void;
}

/** Starts the workers. @throws when the provider cannot say what already runs. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { provider, clock, log } = options;
  const prefix = options.namePrefix ?? "hive-worker";
  let stopping: Promise<void> | null = null;
  const slots: Slot[] = Array.from({ length: options.size }, (_, slot) => ({
    slot,
    name: `${prefix}-${slot + 1}`,
    state: "starting",
    failures: 0,
    launchId: null,
    token: null,
    startedAt: 0,
    starting: Promise.resolve(),
    settled: Promise.resolve(),
    takeBack: () => undefined,
  }));

  async function start(slot: Slot): Promise<void> {
    await slot.settled;
    if (stopping !== null) return;
    slot.state = "starting";
    slot.launchId = randomUUID();
    slot.startedAt = clock.mono();
    const profile = { name: slot.name, provider: provider.name };
    slot.token = options.issueLaunchToken(profile);
    const env = {
      ...options.environmentOf(slot.slot),
      HIVE_WORKER_NAME: slot.name,
      HIVE_WORKER_SLOT: String(slot.slot),
      HIVE_PROVIDER: provider.name,
      HIVE_LAUNCH_TOKEN: slot.token,
    };
    try {
      await provider.start({ launchId: slot.launchId, name: slot.name, slot: slot.slot, pool: DEFAULT_NEEDS, env });
      if (slot.state === "starting") slot.state = "running";
    } catch (error) {
      log.warn(`${slot.name} could not be started: ${error instanceof Error ? error.message : String(error)}`);
      again(slot);
    }
  }

  function again(slot: Slot): void {
    if (slot.token !== null) options.revokeLaunchToken(slot.token);
    slot.token = null;
    slot.launchId = null;
    if (stopping !== null) {
      slot.state = "stopped";
      return;
    }
    if (clock.mono() - slot.startedAt >= HEALTHY_MS) slot.failures = 0;
    const delay = RESTART_DELAYS_MS[Math.min(slot.failures, RESTART_DELAYS_MS.length - 1)] ?? 0;
    slot.failures += 1;
    slot.state = "waiting";
    if (delay > 0) log.warn(`${slot.name} is started again in ${delay / 1000} s`);
    slot.takeBack = clock.after(delay, () => {
      slot.starting = start(slot);
    });
  }

  function onExit(exit: Exit): void {
    const how =
      exit.signal !== null
        ? `was ended by ${exit.signal}`
        : exit.code === null
          ? "is gone"
          : `ended with code ${exit.code}`;
    const blame = !exit.stopped && !exit.outside && exit.code !== 0;
    if (blame) log.warn(`${exit.name} ${how}`);
    else log.info(`${exit.name} ${how}`);
    // First the queue, then the replacement: the job goes back before somebody new asks for one.
    const gone = options.onGone({ name: exit.name, provider: provider.name, blame, message: `${exit.name} ${how}` });
    const slot = slots.find((one) => one.launchId === exit.launchId);
    if (slot === undefined) return;
    slot.settled = gone;
    again(slot);
  }

  provider.onExit(onExit);
  const running = await provider.list();
  for (const slot of slots) {
    const left = running.find((one) => one.slot === slot.slot);
    if (left === undefined) {
      // A worker that fell with the server before this one still has its lease in the store; nobody else can say so.
      const { name } = slot;
      const message = `${name} ended with its server`;
      slot.settled = options.onGone({ name, provider: provider.name, blame: false, message });
      slot.starting = start(slot);
      continue;
    }
    slot.launchId = left.launchId;
    slot.state = "left over";
    slot.startedAt = clock.mono();
    log.info(`${left.name} of the server before this one still reports; its slot is taken until it left`);
  }
  await Promise.all(slots.map((slot) => slot.starting));

  return {
    status: () => slots.map(({ name, state, failures }) => ({ name, state, failures })),
    stop(graceMs) {
      stopping ??= (async () => {
        for (const slot of slots) slot.takeBack();
        await Promise.all(slots.map((slot) => slot.starting));
        const launches = slots.map(({ launchId }) => launchId).filter((launchId) => launchId !== null);
        await Promise.all(launches.map((launchId) => provider.stop(launchId, graceMs)));
        await Promise.all(slots.map((slot) => slot.settled));
        for (const slot of slots) slot.state = "stopped";
        provider.close();
      })();
      return stopping;
    },
  };
}
