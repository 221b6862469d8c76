/**
 * Workers as containers of a Docker Engine on this machine. The engine is asked for everything: which containers are
 * ours (by label), which run, how they ended. Nothing is kept on our disk, so a server that was killed finds its workers
 * again, and there is no note that could be wrong.
 */

import { chmod, mkdir } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { type Exit, type Launch, type Provider, ProviderError, type Running } from "../provider.ts";
import { containerSpec, handoutsOf, type HostFolders, LAUNCH_LABEL } from "./container-spec.ts";
import type { Engine } from "./engine.ts";
import { EngineError, isEngineError } from "./engine-error.ts";
import { createEngineHealth } from "./engine-health.ts";
import { createFollowedContainers, type Followed } from "./followed-containers.ts";
import { launchContainer, providerError } from "./launch-container.ts";
import { reap } from "./reaper.ts";
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

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Milliseconds between two SIGKILLs for a container that does not end. */
const KILL_AGAIN_MS = 5_000;
/** Milliseconds between two looks for leftovers; up to a tenth is added. */
const REAP_EVERY_MS = 55_000;

/** A provider of containers. Connects at the first call; looks for leftovers from the first `list` on. */
export function createDockerProvider(options: DockerProviderOptions): Provider {
  const { engine, images, serverId, folders, clock, log } = options;
  const health = createEngineHealth(engine, clock);
  const starting = new Map<string, { readonly name: string; readonly done: Promise<void> }>();
  const exitListeners = new Set<(exit: Exit) => void>();
  const changeListeners = new Set<() => void>();
  let takeBackReaping: (() => void) | null = null;
  let closed = false;

  const containers = createFollowedContainers({
    engine,
    health,
    serverId,
    folders,
    clock,
    log,
    onLine: options.onLine,
    onExit: (exit) => {
      for (const listener of exitListeners) listener(exit);
    },
    isStarting: (launchId) => starting.has(launchId),
  });
  const tellChange = (): void => {
    for (const listener of changeListeners) listener();
  };
  health.onChange(tellChange);
  images.onChange(tellChange);

  /** Passes a failure on, and remembers when it says that the engine is away. */
  function noted<E>(error: E): E {
    const cause = error instanceof ProviderError ? error.cause : error;
    if (cause instanceof EngineError && cause.engineGone) health.lost(cause);
    return error;
  }

  async function startOnce(launch: Launch): Promise<void> {
    if (!NAME.test(launch.name)) throw new ProviderError("failed", `"${launch.name}" is no name for a container.`);
    // One that just ended under this name still has to be removed, and its end to be told.
    const before = containers.named(launch.name);
    if (before !== undefined && (await isEnding(before))) await untilGone(before);
    const image = await images.need(launch.pool);
    if (folders.handouts !== null) {
      const folder = handoutsOf(folders.handouts, launch.name);
      await mkdir(folder, { recursive: true, mode: 0o711 });
      // Its entries have names that cannot be guessed; whoever knows one may pass.
      await chmod(folder, 0o711);
    }
    const spec = containerSpec(launch, image, serverId, folders);
    const containerId = await launchContainer({ engine, clock, serverId }, launch, spec);
    const { launchId, name, slot } = launch;
    containers.follow({ launchId, name, slot, pool: launch.pool.name }, containerId, "0");
  }

  async function isEnding({ containerId }: Followed): Promise<boolean> {
    const found = await engine.inspectContainer(containerId);
    return found === null || !found.State.Running;
  }

  async function reapNow(): Promise<void> {
    try {
      await reap({
        engine,
        serverId,
        handouts: folders.handouts,
        clock,
        log,
        takeStock: () => containers.takeStock(),
        isLiving: (launchId) => containers.get(launchId) !== undefined || starting.has(launchId),
        isMounted: (name) =>
          containers.named(name) !== undefined || [...starting.values()].some((one) => one.name === name),
        onRemoved: (launchId) => containers.forget(launchId),
      });
    } catch (error) {
      noted(error);
      // An engine that is away is told by the status; the next round looks again.
      if (health.status().state === "ok") log.warn(`leftovers were not looked for: ${describe(error)}`);
    }
    if (!closed) takeBackReaping = clock.after(REAP_EVERY_MS * (1 + clock.random() / 10), () => void reapNow());
  }

  /** Resolves when it is gone. @throws ProviderError `unclear` when the engine goes away before */
  async function untilGone(entry: Followed, failed: Promise<never> = new Promise(() => undefined)): Promise<void> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const forget = health.onChange(() => {
      const status = health.status();
      if (status.state === "unreachable") reject(new ProviderError("unclear", status.reason));
    });
    try {
      await Promise.race([entry.gone, failed, lost]);
    } finally {
      forget();
    }
  }

  /** SIGTERM, after `graceMs` SIGKILL; resolves when it is gone. @throws ProviderError when the engine cannot be asked */
  async function end(entry: Followed, graceMs: number): Promise<void> {
    const { promise: failed, reject } = Promise.withResolvers<never>();
    let takeBack = (): void => undefined;
    const killNow = (): void => {
      send(entry, "SIGKILL").catch(reject);
      takeBack = clock.after(KILL_AGAIN_MS, killNow);
    };
    takeBack = clock.after(graceMs, killNow);
    try {
      await send(entry, "SIGTERM");
      await untilGone(entry, failed);
    } finally {
      takeBack();
    }
  }

  async function send(entry: Followed, signalName: string): Promise<void> {
    try {
      await engine.killContainer(entry.containerId, signalName);
    } catch (error) {
      // It ended already, and its end is on the way.
      if (!isEngineError(error, "not_found", "conflict")) throw noted(providerError(error));
    }
  }

  return {
    name: "docker",
    isolation: "container",
    oneShot: true,
    outlivesServer: true,
    status: () => health.status(),

    async prepare(pool) {
      try {
        return await images.prepare(pool);
      } catch (error) {
        return { ready: false, why: "unreachable", message: describe(noted(error)) };
      }
    },

    onChange(listener) {
      changeListeners.add(listener);
      return () => changeListeners.delete(listener);
    },

    async start(launch) {
      if (containers.get(launch.launchId) !== undefined) return;
      const already = starting.get(launch.launchId);
      if (already !== undefined) return already.done;
      const done = startOnce(launch)
        .catch((error: unknown) => {
          throw noted(providerError(error));
        })
        .finally(() => starting.delete(launch.launchId));
      starting.set(launch.launchId, { name: launch.name, done });
      return done;
    },

    async list() {
      const before = containers.launchIds();
      try {
        const found = await containers.takeStock();
        if (takeBackReaping === null && !closed) {
          takeBackReaping = clock.after(0, () => void reapNow());
        }
        return containers.runningOf(found, before);
      } catch (error) {
        throw noted(error);
      }
    },

    async stop(launchId, graceMs) {
      await starting.get(launchId)?.done.catch(() => undefined);
      if (containers.get(launchId) === undefined) {
        try {
          const found = await containers.takeStock();
          // Made, and never started: nobody runs in it.
          const made = found.find(({ Labels, State }) => Labels[LAUNCH_LABEL] === launchId && State === "created");
          if (made !== undefined) await engine.removeContainer(made.Id);
        } catch (error) {
          throw noted(providerError(error));
        }
      }
      const entry = containers.get(launchId);
      if (entry === undefined) return;
      entry.stopped = true;
      await end(entry, graceMs);
    },

    onExit(listener) {
      exitListeners.add(listener);
      return () => exitListeners.delete(listener);
    },

    close() {
      closed = true;
      takeBackReaping?.();
      containers.close();
      health.close();
      images.close();
      exitListeners.clear();
      changeListeners.clear();
    },
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
