/**
 * The images workers are made of. The default one is built from this checkout when it is missing, or was built by a
 * Hive of other code; an operator's own image is never built, replaced or fetched behind their back.
 */

import type { PoolNeeds, Readiness } from "../provider.ts";
import type { Engine } from "./engine.ts";
import { imageMissingError } from "./engine-error.ts";
import type { InspectedImage } from "./engine-replies.ts";
import { type ImageBuild, SOURCE_LABEL } from "./image-build.ts";

/** An image that is on the engine's machine. */
export interface WorkerImage {
  /** As people call it: `hive-worker`, `registry.example/hive-worker:3`. */
  readonly name: string;
  /** Names its content for ever: the registry's digest where it came from one, else the engine's id of it. */
  readonly digest: string;
  /** Paths that it declares as volumes. */
  readonly volumes: readonly string[];
}

export interface WorkerImages {
  /** The image of a pool. @throws EngineError, `image_missing` when it is not there */
  need(pool: PoolNeeds): Promise<WorkerImage>;
  /** Looks whether it is there, and begins to build the default one. @throws EngineError when the engine cannot say */
  prepare(pool: PoolNeeds): Promise<Readiness>;
  /** A build ended: `prepare` may say something else now. The returned function takes that back. */
  onChange(listener: () => void): () => void;
  /** Stops a build that runs. */
  close(): void;
}

export interface WorkerImagesOptions {
  readonly engine: Pick<Engine, "inspectImage">;
  /** The image of pools that name none (`HIVE_WORKER_IMAGE`). */
  readonly defaultImage: string;
  /** Builds the default image; null: there is no source here, or it is the operator's own too. */
  readonly build: ImageBuild | null;
}

export function createWorkerImages({ engine, defaultImage, build }: WorkerImagesOptions): WorkerImages {
  async function look(pool: PoolNeeds): Promise<{ readonly name: string; readonly found: InspectedImage | null }> {
    const name = pool.image ?? defaultImage;
    return { name, found: await engine.inspectImage(name) };
  }

  /** True when it is ours to build and the one that is there, if any, is of other code. */
  function isOutdated(name: string, found: InspectedImage | null): boolean {
    if (build === null || name !== defaultImage) return false;
    if (found === null) return true;
    const builtFrom = found.Config?.Labels?.[SOURCE_LABEL];
    // Once: another server on this engine may build it of its own code, and the two would take turns for ever.
    return builtFrom !== undefined && builtFrom !== build.source.hash && build.state().state !== "done";
  }

  return {
    async need(pool) {
      const { name, found } = await look(pool);
      if (found === null) throw imageMissingError(name);
      return imageOf(name, found);
    },
    async prepare(pool) {
      const { name, found } = await look(pool);
      if (build !== null && isOutdated(name, found)) {
        const now = build.begin();
        if (now.state === "failed") return { ready: false, why: "missing", message: now.message };
        const step = now.state === "building" ? now.step : "begins";
        return { ready: false, why: "building", message: `The image ${name} is being built: ${step}` };
      }
      if (found === null) return { ready: false, why: "missing", message: imageMissingError(name).message };
      const { digest } = imageOf(name, found);
      return { ready: true, image: { name, digest } };
    },
    onChange: (listener) => build?.onEnd(listener) ?? (() => undefined),
    close: () => build?.close(),
  };
}

function imageOf(name: string, found: InspectedImage): WorkerImage {
  const digest = found.RepoDigests[0]?.split("@")[1] ?? found.Id;
  return { name, digest, volumes: Object.keys(found.Config?.Volumes ?? {}) };
}
