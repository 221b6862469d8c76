/** The containers of this server, each followed to its end, and each end told once. */

import { rm } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import type { Exit, Running } from "../provider.ts";
import {
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
import type { EngineHealth } from "./engine-health.ts";
import type { ListedContainer } from "./engine-replies.ts";

/** A container that is followed to its end. */
export interface Followed {
  readonly running: Running;
  readonly containerId: string;
  /** Resolves when its end was told, or when it is not followed any more. */
  readonly gone: Promise<void>;
  /** Its end will be by our own wish. */
  stopped: boolean;
}

export interface FollowedContainersOptions {
  readonly engine: Engine;
  readonly health: EngineHealth;
  readonly serverId: string;
  readonly folders: HostFolders;
  readonly clock: Clock;
  readonly onLine: (worker: Running, line: string) => void;
  readonly onExit: (exit: Exit) => void;
  readonly log: { warn(message: string): void };
  /** A launch that is being started: its container is not taken up by others. */
  readonly isStarting: (launchId: string) => boolean;
}

export interface FollowedContainers {
  get(launchId: string): Followed | undefined;
  /** The one with this name, if any. */
  named(name: string): Followed | undefined;
  /** Follows a container from now on; one that is followed already stays so. */
  follow(running: Running, containerId: string, logSince: string): void;
  /** Lists all containers of this server, and follows those nobody follows: the ended ones' ends are told. @throws EngineError */
  takeStock(): Promise<readonly ListedContainer[]>;
  /** Those of `found`, a list that was asked for when `before` were followed, that run; and those that came since. */
  runningOf(found: readonly ListedContainer[], before: ReadonlySet<string>): readonly Running[];
  launchIds(): ReadonlySet<string>;
  /** A container whose end was told, and that could not be removed then, is gone now. */
  forget(launchId: string): void;
  /** Follows none any more, and tells nothing. */
  close(): void;
}

const UP: ReadonlySet<string> = new Set(["running", "paused", "restarting", "stopping"]);
const ENDED: ReadonlySet<string> = new Set(["exited", "dead"]);

export function createFollowedContainers(options: FollowedContainersOptions): FollowedContainers {
  const { engine, health, serverId, folders, clock, log } = options;
  const followed = new Map<string, Followed>();
  /** Ended and told, and still there. */
  const told = new Set<string>();
  const closing = new AbortController();

  async function toItsEnd(entry: Followed, logSince: string): Promise<void> {
    const { running, containerId } = entry;
    try {
      const { removed, ...end } = await watchContainer({
        engine,
        health,
        clock,
        containerId,
        logSince,
        signal: closing.signal,
        onLine: (line) => options.onLine(running, line),
        warn: (message) => log.warn(`${running.name}: ${message}`),
      });
      await clearHandouts(running.name);
      if (!removed) told.add(running.launchId);
      followed.delete(running.launchId);
      if (closing.signal.aborted) return;
      options.onExit({ ...running, ...end, stopped: entry.stopped, outside: end.outside && !entry.stopped });
    } catch (error) {
      // The next look at the engine takes it up again.
      followed.delete(running.launchId);
      if (!closing.signal.aborted) log.warn(`${running.name} is not followed any more: ${describe(error)}`);
    }
  }

  async function clearHandouts(name: string): Promise<void> {
    if (folders.handouts === null) return;
    await rm(handoutsOf(folders.handouts, name), { recursive: true, force: true }).catch((error: unknown) => {
      log.warn(`mirrors handed to ${name} are left for later: ${describe(error)}`);
    });
  }

  function follow(running: Running, containerId: string, logSince: string): void {
    if (followed.has(running.launchId)) return;
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const entry: Followed = { running, containerId, gone, stopped: false };
    followed.set(running.launchId, entry);
    void toItsEnd(entry, logSince).then(resolve);
  }

  return {
    get: (launchId) => followed.get(launchId),
    named: (name) => [...followed.values()].find(({ running }) => running.name === name),
    follow,

    async takeStock() {
      const found = await engine.listContainers(serverLabels(serverId));
      for (const container of found) {
        const running = labelsOf(container);
        if (running === null || options.isStarting(running.launchId) || told.has(running.launchId)) continue;
        if (!UP.has(container.State) && !ENDED.has(container.State)) continue;
        // What it said before we came, the server before this one has told.
        follow(running, container.Id, String(Math.floor(clock.wall() / 1000)));
      }
      return found;
    },

    runningOf(found, before) {
      const states = new Map(found.map(({ Id, State }) => [Id, State]));
      return [...followed.values()]
        .filter(({ running, containerId }) => {
          const state = states.get(containerId);
          return state === undefined ? !before.has(running.launchId) : UP.has(state);
        })
        .map(({ running }) => running);
    },

    launchIds: () => new Set(followed.keys()),
    forget: (launchId) => void told.delete(launchId),
    close: () => closing.abort(new Error("the provider is closed")),
  };
}

/** What the labels say; null where they are not complete. */
function labelsOf({ Labels }: ListedContainer): Running | null {
  const launchId = Labels[LAUNCH_LABEL];
  const name = Labels[NAME_LABEL];
  const pool = Labels[POOL_LABEL];
  const slot = Number(Labels[SLOT_LABEL] ?? Number.NaN);
  if (launchId === undefined || name === undefined || pool === undefined || !Number.isInteger(slot)) return null;
  return { launchId, name, slot, pool };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
