/**
 * The images workers are made of. The default one is built from this checkout when it is missing, so that a first start
 * needs no step by hand; an operator's own image is never built or fetched behind their back.
 */

import type { PoolNeeds, Readiness } from "../provider.ts";
import type { Engine } from "./engine.ts";
import { EngineError, imageMissingError } from "./engine-error.ts";
import type { ImageBuild } from "./image-build.ts";

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
  /** Looks whether it is there, and begins to build the default one. Never rejects. */
  prepare(pool: PoolNeeds): Promise<Readiness>;
}

export interface WorkerImagesOptions {
  readonly engine: Pick<Engine, "inspectImage">;
  /** The image of pools that name none (`HIVE_WORKER_IMAGE`). */
  readonly defaultImage: string;
  /** Builds the default image; null: it is the operator's own too. */
  readonly build: ImageBuild | null;
}

export function createWorkerImages(options: WorkerImagesOptions): WorkerImages {
  const { engine, defaultImage, build } = options;

  async function need(pool: PoolNeeds): Promise<WorkerImage> {
    const name = pool.image ?? defaultImage;
    const found = await engine.inspectImage(name);
    if (found === null) throw imageMissingError(name);
    const digest = found.RepoDigests[0]?.split("@")[1] ?? found.Id;
    return { name, digest, volumes: Object.keys(found.Config?.Volumes ?? {}) };
  }

  return {
    need,
    async prepare(pool) {
      try {
        const { name, digest } = await need(pool);
        return { ready: true, image: { name, digest } };
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (error.engineGone) return { ready: false, why: "unreachable", message: error.message };
        const isOurs = error.kind === "image_missing" && (pool.image ?? defaultImage) === defaultImage;
        if (!isOurs || build === null) return { ready: false, why: "missing", message: error.message };
        return build.begin();
      }
    },
  };
}
