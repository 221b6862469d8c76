/**
 * Workers as containers of a Docker Engine on this machine. The engine is asked for everything: which containers are
 * ours (by label), which run, how they ended. Nothing is kept on our disk, so a server that was killed finds its workers
 * again, and there is no note that could be wrong.
 */

import { chmod, mkdir, rm } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { type Exit, type Launch, type Provider, ProviderError, type Running } from "../provider.ts";
import {
  containerSpec,
  handoutsOf,
  type HostFolders,
  LAUNCH_LABEL,
  NAME_LABEL,
  POOL_LABEL,
  serverLabels,
  SLOT_LABEL,
} from "./container-spec.ts";
import { watchContainer } from "./container-watch.ts";
import type { Engine } from "./engine.ts";
import { EngineError, isEngineError } from "./engine-error.ts";
import { createEngineHealth } from "./engine-health.ts";
import type { ListedContainer } from "./engine-replies.ts";
import { launchContainer, providerError } from "./launch-container.ts";
import type { WorkerImages } from "./worker-image.ts";

export interface DockerProviderOptions {
  readonly engine: Engine;
  readonly images: WorkerImages;
  /** This installation's id: containers with another one are never touched. */
  readonly serverId: string;
  readonly folders: HostFolders;
  readonly clock: Clock;
  /** One line a worker wrote. */
  readonly onLine: (worker: Running, line: string) => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** A container of ours that is followed to its end. */
interface Watched {
  readonly running: Running;
  readonly containerId: string;
  /** Resolves when its end was told, or when it is not followed any more. */
  readonly gone: Promise<void>;
  stopped: boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Milliseconds between two SIGKILLs for a container that does not end. */
const KILL_AGAIN_MS = 5_000;
const UP: ReadonlySet<string> = new Set(["running", "paused", "restarting", "stopping"]);
const ENDED: ReadonlySet<string> = new Set(["exited", "dead"]);

/** A provider of containers. Connects at the first call. */
export function createDockerProvider(options: DockerProviderOptions): Provider {
  const { engine, images, serverId, folders, clock, log } = options;
  const health = createEngineHealth(engine, clock);
  const watched = new Map<string, Watched>();
  const starting = new Map<string, Promise<void>>();
  const listeners = new Set<(exit: Exit) => void>();
  const closing = new AbortController();

  /** Passes a failure on, and remembers when it says that the engine is away. */
  const noted = (error: unknown): unknown => {
    const cause = error instanceof ProviderError ? error.cause : error;
    if (cause instanceof EngineError && cause.engineGone) health.lost(cause);
    return error;
  };

  function watch(running: Running, containerId: string, logSince: string): Watched {
    const known = watched.get(running.launchId);
    if (known !== undefined) return known;
    const gone = Promise.withResolvers<void>();
    const entry: Watched = { running, containerId, gone: gone.promise, stopped: false };
    watched.set(running.launchId, entry);
    watchContainer({
      engine,
      health,
      clock,
      containerId,
      logSince,
      signal: closing.signal,
      onLine: (line) => options.onLine(running, line),
      warn: (message) => log.warn(`${running.name}: ${message}`),
    })
      .then(async (end) => {
        await clearHandouts(running.name);
        watched.delete(running.launchId);
        const { stopped } = entry;
        for (const listener of listeners) listener({ ...running, ...end, stopped, outside: end.outside && !stopped });
      })
      .catch((error: unknown) => {
        // The next list finds it again.
        watched.delete(running.launchId);
        if (!closing.signal.aborted) log.warn(`${running.name} is not followed any more: ${describe(error)}`);
      })
      .finally(gone.resolve);
    return entry;
  }

  async function clearHandouts(name: string): Promise<void> {
    if (folders.handouts === null) return;
    await rm(handoutsOf(folders.handouts, name), { recursive: true, force: true }).catch((error: unknown) => {
      log.warn(`mirrors handed to ${name} are left for later: ${describe(error)}`);
    });
  }

  async function startOnce(launch: Launch): Promise<void> {
    if (!NAME.test(launch.name)) throw new ProviderError("failed", `"${launch.name}" is no name for a container.`);
    // The one before under this name has ended; what it left is removed before its end is told.
    const before = [...watched.values()].find(({ running }) => running.name === launch.name);
    if (before !== undefined && before.running.launchId !== launch.launchId) await before.gone;
    try {
      const image = await images.need(launch.pool);
      if (folders.handouts !== null) {
        const folder = handoutsOf(folders.handouts, launch.name);
        await mkdir(folder, { recursive: true });
        // Its entries have names that cannot be guessed; whoever knows one may pass.
        await chmod(folder, 0o711);
      }
      const spec = containerSpec(launch, image, serverId, folders);
      const containerId = await launchContainer({ engine, clock, serverId }, launch, spec);
      const { launchId, name, slot } = launch;
      watch({ launchId, name, slot, pool: launch.pool.name }, containerId, "0");
    } catch (error) {
      throw noted(providerError(error));
    }
  }

  /** Every container of ours, those that nobody follows taken up. */
  async function takeStock(): Promise<readonly ListedContainer[]> {
    const found = await engine.listContainers(serverLabels(serverId)).catch((error: unknown) => {
      throw noted(error);
    });
    for (const container of found) {
      const running = runningOf(container);
      if (running === null || watched.has(running.launchId) || starting.has(running.launchId)) continue;
      // What it said before we came, the server before this one has told.
      const isUp = UP.has(container.State);
      if (isUp || ENDED.has(container.State)) watch(running, container.Id, String(Math.floor(clock.wall() / 1000)));
    }
    return found;
  }

  return {
    name: "docker",
    isolation: "container",
    oneShot: true,
    status: () => health.status(),
    prepare: (pool) => images.prepare(pool),
    onChange: (listener) => health.onChange(listener),

    start(launch) {
      if (watched.has(launch.launchId)) return Promise.resolve();
      const already = starting.get(launch.launchId);
      if (already !== undefined) return already;
      const begun = startOnce(launch).finally(() => starting.delete(launch.launchId));
      starting.set(launch.launchId, begun);
      return begun;
    },

    async list() {
      const followed = new Set(watched.keys());
      const found = await takeStock();
      const up = new Set(found.filter(({ State }) => UP.has(State)).map(({ Id }) => Id));
      const seen = new Set(found.map(({ Id }) => Id));
      // What was started while the engine made its list runs too.
      return [...watched.values()]
        .filter(({ running, containerId }) =>
          seen.has(containerId) ? up.has(containerId) : !followed.has(running.launchId),
        )
        .map(({ running }) => running);
    },

    async stop(launchId, graceMs) {
      await starting.get(launchId)?.catch(() => undefined);
      if (!watched.has(launchId)) await takeStock();
      const entry = watched.get(launchId);
      if (entry === undefined) return;
      entry.stopped = true;
      const send = async (signalName: string): Promise<void> => {
        try {
          await engine.killContainer(entry.containerId, signalName);
        } catch (error) {
          // It ended already, and its end is on the way.
          if (!isEngineError(error, "not_found", "conflict")) throw noted(error);
        }
      };
      await send("SIGTERM");
      await endOrKill(entry, send, graceMs);
    },

    onExit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    close() {
      closing.abort(new Error("the provider is closed"));
      health.close();
      listeners.clear();
    },
  };

  /** Resolves when it is gone; rejects when the engine goes away before. */
  async function endOrKill(
    entry: Watched,
    send: (signalName: string) => Promise<void>,
    graceMs: number,
  ): Promise<void> {
    const { promise: failed, reject } = Promise.withResolvers<never>();
    let takeBack = (): void => undefined;
    const kill = (): void => {
      send("SIGKILL").catch(reject);
      takeBack = clock.after(KILL_AGAIN_MS, kill);
    };
    takeBack = clock.after(graceMs, kill);
    const forget = health.onChange(() => {
      const status = health.status();
      if (status.state === "unreachable") reject(new ProviderError("unclear", status.reason));
    });
    try {
      await Promise.race([entry.gone, failed]);
    } finally {
      takeBack();
      forget();
    }
  }
}

/** What the labels say; null where they are not complete. */
function runningOf({ Labels }: ListedContainer): Running | null {
  const launchId = Labels[LAUNCH_LABEL];
  const name = Labels[NAME_LABEL];
  const slot = Number(Labels[SLOT_LABEL]);
  const pool = Labels[POOL_LABEL];
  if (launchId === undefined || name === undefined || pool === undefined || !Number.isInteger(slot)) return null;
  return { launchId, name, slot, pool };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
