/**
 * Removes what nobody uses any more, at boot and every minute: containers that were made and never started (the server
 * died in between), ended ones whose removal failed, volumes and networks with this server's label, folders of mirrors
 * handed to workers that are gone, and worker images built here whose name a newer one took. What carries another
 * server's label is never touched; such an image is any server's, and one that is in use stays.
 */

import { readdir, rmdir, stat } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { handoutsOf, LAUNCH_LABEL, serverLabels } from "./container-spec.ts";
import type { Engine } from "./engine.ts";
import { EngineError } from "./engine-error.ts";
import { SOURCE_LABEL } from "./image-build.ts";
import type { ListedContainer } from "./engine-replies.ts";

export interface ReaperOptions {
  readonly engine: Pick<
    Engine,
    | "removeContainer"
    | "listNamelessImages"
    | "removeImage"
    | "listVolumes"
    | "removeVolume"
    | "listNetworks"
    | "removeNetwork"
  >;
  readonly serverId: string;
  /** The folder with a folder of mirrors for each worker; null: there is none. */
  readonly handouts: string | null;
  readonly clock: Pick<Clock, "wall">;
  readonly log: { info(message: string): void; warn(message: string): void };
  /** All containers of this server as they are now, and those that ended taken care of. */
  readonly takeStock: () => Promise<readonly ListedContainer[]>;
  /** This launch is being started, or its container is followed. */
  readonly isLiving: (launchId: string) => boolean;
  /** A container of this name runs or is about to: it has its folder mounted. */
  readonly isMounted: (name: string) => boolean;
  /** This launch's container is gone. */
  readonly onRemoved: (launchId: string) => void;
}

/** Milliseconds something may be half-made. */
const YOUNG_MS = 60_000;
const YOUNG_IMAGE_MS = 600_000;
const NOT_RUNNING: ReadonlySet<string> = new Set(["created", "exited", "dead"]);

/** Looks once. @throws EngineError when the engine is away */
export async function reap(options: ReaperOptions): Promise<void> {
  const { engine, serverId, clock, log } = options;
  const labels = serverLabels(serverId);

  /** What is in use, or will not go, is left for the next time; an engine that is away ends the round. */
  async function tryTo(what: string, remove: () => Promise<void>): Promise<boolean> {
    try {
      await remove();
      log.info(`removed ${what}: nobody uses it`);
      return true;
    } catch (error) {
      if (error instanceof EngineError && error.engineGone) throw error;
      if (!(error instanceof EngineError && (error.kind === "conflict" || error.kind === "refused")))
        log.warn(`${what} is left over: ${describe(error)}`);
      return false;
    }
  }

  for (const container of await options.takeStock()) {
    const launchId = container.Labels[LAUNCH_LABEL];
    if (!NOT_RUNNING.has(container.State) || (launchId !== undefined && options.isLiving(launchId))) continue;
    if (container.State === "created" && clock.wall() - container.Created * 1_000 < YOUNG_MS) continue;
    const gone = await tryTo(`container ${container.Names[0]?.slice(1) ?? container.Id}`, () =>
      engine.removeContainer(container.Id),
    );
    if (gone && launchId !== undefined) options.onRemoved(launchId);
  }
  for (const { id, createdAt } of await engine.listNamelessImages(SOURCE_LABEL)) {
    // A build that ends now names its image in a moment.
    if (clock.wall() - createdAt * 1_000 < YOUNG_IMAGE_MS) continue;
    await tryTo(`image ${id}`, () => engine.removeImage(id));
  }
  for (const { id } of await engine.listVolumes(labels)) await tryTo(`volume ${id}`, () => engine.removeVolume(id));
  for (const { id } of await engine.listNetworks(labels)) await tryTo(`network ${id}`, () => engine.removeNetwork(id));
  await reapHandouts(options);
}

/** What is in a folder is the keeper's of mirrors, and goes with its lease; an empty one that no container has mounted is nobody's. */
async function reapHandouts({ handouts, clock, isMounted, log }: ReaperOptions): Promise<void> {
  if (handouts === null) return;
  const entries = await readdir(handouts, { withFileTypes: true }).catch(emptyIfGone);
  for (const entry of entries) {
    const folder = handoutsOf(handouts, entry.name);
    try {
      if (!entry.isDirectory() || isMounted(entry.name)) continue;
      if (clock.wall() - (await stat(folder)).mtimeMs < YOUNG_MS) continue;
      // Fails, as it should, for one that is not empty.
      await rmdir(folder);
    } catch (error) {
      if (!isCode(error, "ENOENT") && !isCode(error, "ENOTEMPTY"))
        log.warn(`${folder} is left over: ${describe(error)}`);
    }
  }
}

function emptyIfGone(error: unknown): [] {
  if (isCode(error, "ENOENT")) return [];
  throw error;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
