/**
 * Workers that exist only in memory, for tests of what depends on a provider: they end when the test says so, and the
 * provider fails as real ones do. It passes the same suite as the real ones.
 */

import type { Clock } from "../clock.ts";
import {
  type Exit,
  type Launch,
  type Provider,
  ProviderError,
  type ProviderStatus,
  type Readiness,
  type Running,
} from "./provider.ts";

/** What a start does instead of starting. */
export type StartFault =
  /** The worker certainly does not run. */
  | "failed"
  /** What it is made of is not there. */
  | "missing"
  /** Somebody else has its name. */
  | "taken"
  /** The answer is lost; the worker runs. */
  | "unclear, runs"
  /** The answer is lost; the worker does not run. */
  | "unclear, does not run";

interface FakeWorker {
  readonly launch: Launch;
  ignoresStop: boolean;
  stopped: boolean;
  /** How it ended, when nobody was told yet. */
  untold: Pick<Exit, "code" | "signal" | "outOfMemory" | "outside" | "lastWords"> | null;
}

/** What runs on the machine that is not there; more than one provider, one after the other, may look at it. */
export interface FakeMachine {
  readonly workers: Map<string, FakeWorker>;
  /** Every launch whose worker ever ran, in order. */
  readonly started: Launch[];
}

export interface FakeProvider extends Provider {
  readonly machine: FakeMachine;
  /** The next start does this; called more than once, the ones after it. */
  failStart(fault: StartFault): void;
  /** The next list rejects. */
  failList(): void;
  /** What `prepare` says from now on; default: ready, no image. */
  setReadiness(readiness: Readiness): void;
  /** A worker ends. Default: by itself, with code 0. With `lost`, nobody is told before the next list. */
  end(launchId: string, how?: Partial<FakeWorker["untold"]> & { readonly lost?: boolean }): void;
  /** This worker leaves only when it is killed. */
  ignoreStop(launchId: string): void;
  /** Nobody can be asked any more; workers stay as they are. */
  die(reason: string): void;
  /** As before `die`; ends that came meanwhile are told as nobody's fault. */
  comeBack(): void;
}

export interface FakeProviderOptions {
  readonly clock: Pick<Clock, "after" | "wall">;
  readonly machine?: FakeMachine;
  /** Default `fake`. */
  readonly name?: string;
  /** Default true. */
  readonly oneShot?: boolean;
  /** Default true. */
  readonly outlivesServer?: boolean;
}

export function createFakeMachine(): FakeMachine {
  return { workers: new Map(), started: [] };
}

export function createFakeProvider(options: FakeProviderOptions): FakeProvider {
  const { clock, machine = createFakeMachine() } = options;
  const { workers } = machine;
  const exitListeners = new Set<(exit: Exit) => void>();
  const changeListeners = new Set<() => void>();
  const startFaults: StartFault[] = [];
  const goneListeners = new Set<(launchId: string) => void>();
  let listFaults = 0;
  let readiness: Readiness = { ready: true, image: null };
  let status: ProviderStatus = { state: "ok" };
  let closed = false;

  const tellChange = (): void => {
    for (const listener of changeListeners) listener();
  };
  const assertReachable = (): void => {
    if (status.state === "unreachable") throw new ProviderError("unclear", status.reason);
  };

  function tell(worker: FakeWorker): void {
    if (worker.untold === null) return;
    const { launch, stopped, untold } = worker;
    workers.delete(launch.launchId);
    for (const listener of exitListeners) {
      listener({ ...runningOf(launch), ...untold, stopped, outside: untold.outside && !stopped });
    }
    for (const listener of goneListeners) listener(launch.launchId);
  }

  function run(launch: Launch): void {
    workers.set(launch.launchId, { launch, ignoresStop: false, stopped: false, untold: null });
    machine.started.push(launch);
  }

  function end(launchId: string, how: Partial<FakeWorker["untold"]> & { readonly lost?: boolean } = {}): void {
    const worker = workers.get(launchId);
    if (worker === undefined || worker.untold !== null) return;
    const { lost = false, ...said } = how;
    const away = status.state === "unreachable";
    const itself = { code: 0, signal: null, outOfMemory: false, lastWords: null, outside: false };
    worker.untold = { ...itself, ...said };
    if (away && worker.untold.code !== 0) worker.untold = { ...worker.untold, outside: true };
    if (!lost && !away && !closed) tell(worker);
  }

  return {
    name: options.name ?? "fake",
    isolation: "container",
    oneShot: options.oneShot ?? true,
    outlivesServer: options.outlivesServer ?? true,
    machine,
    status: () => status,
    prepare: async () =>
      status.state === "ok" ? readiness : { ready: false, why: "unreachable", message: status.reason },
    onChange(listener) {
      changeListeners.add(listener);
      return () => changeListeners.delete(listener);
    },

    async start(launch) {
      await Promise.resolve();
      assertReachable();
      const fault = startFaults.shift();
      if (fault === "failed") throw new ProviderError("failed", "the fake machine refused");
      if (fault === "missing") throw new ProviderError("missing", "the fake machine has no such image");
      if (fault === "taken") throw new ProviderError("taken", `the name ${launch.name} is somebody else's`);
      const isNew = !workers.has(launch.launchId);
      if (fault !== "unclear, does not run" && isNew) {
        const other = [...workers.values()].find((worker) => worker.launch.name === launch.name);
        if (other !== undefined)
          throw new ProviderError("failed", `the name ${launch.name} is taken by ${other.launch.launchId}`);
        run(launch);
      }
      if (fault !== undefined) throw new ProviderError("unclear", "the fake machine's answer was lost");
    },

    async list() {
      await Promise.resolve();
      assertReachable();
      if (listFaults > 0) {
        listFaults -= 1;
        throw new Error("the fake machine cannot say");
      }
      for (const worker of workers.values()) tell(worker);
      return [...workers.values()].map(({ launch }) => runningOf(launch));
    },

    async stop(launchId, graceMs) {
      await Promise.resolve();
      assertReachable();
      const worker = workers.get(launchId);
      if (worker === undefined) return;
      worker.stopped = true;
      if (!worker.ignoresStop) {
        end(launchId);
        return;
      }
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      const onGone = (one: string): void => {
        if (one === launchId) resolve();
      };
      goneListeners.add(onGone);
      const takeBack = clock.after(graceMs, () => end(launchId, { code: null, signal: "SIGKILL" }));
      await gone;
      takeBack();
      goneListeners.delete(onGone);
    },

    onExit(listener) {
      exitListeners.add(listener);
      return () => exitListeners.delete(listener);
    },

    close() {
      closed = true;
      exitListeners.clear();
      changeListeners.clear();
    },

    failStart: (fault) => void startFaults.push(fault),
    failList() {
      listFaults += 1;
    },
    setReadiness(next) {
      readiness = next;
      tellChange();
    },
    end,
    ignoreStop(launchId) {
      const worker = workers.get(launchId);
      if (worker !== undefined) worker.ignoresStop = true;
    },
    die(reason) {
      status = { state: "unreachable", reason, since: clock.wall() };
      tellChange();
    },
    comeBack() {
      status = { state: "ok" };
      for (const worker of workers.values()) tell(worker);
      tellChange();
    },
  };
}

function runningOf({ launchId, name, slot, pool }: Launch): Running {
  return { launchId, name, slot, pool: pool.name };
}
