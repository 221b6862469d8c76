/** Puts the docker provider together from settings. */

import type { Clock } from "../../clock.ts";
import type { Provider, Running } from "../provider.ts";
import type { HostFolders } from "./container-spec.ts";
import { createDockerProvider } from "./docker-provider.ts";
import { createEngine } from "./engine.ts";
import { type EngineFound, findEngine } from "./find-engine.ts";
import { createImageBuild, type ImageBuild } from "./image-build.ts";
import { readImageSource } from "./image-source.ts";
import { createWorkerImages } from "./worker-image.ts";

/** The name of the image that is built where the operator names none. */
export const DEFAULT_WORKER_IMAGE = "hive-worker";

export interface OpenDockerOptions {
  /** `HIVE_DOCKER_HOST`, such as `unix:///var/run/docker.sock`. */
  readonly address: string;
  /** `HIVE_WORKER_IMAGE`: the operator's own; null: {@link DEFAULT_WORKER_IMAGE}, built from the checkout when it is missing. */
  readonly workerImage: string | null;
  /** The folder this program's packages are in; an installation without `docker/worker.Dockerfile` builds nothing. */
  readonly checkout: string;
  /** Arguments for the build: BASE_IMAGE, AGENTS, BUILD_TOOLS. */
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly serverId: string;
  readonly folders: HostFolders;
  readonly clock: Clock;
  readonly onLine: (worker: Running, line: string) => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export interface Docker {
  readonly provider: Provider;
  /** Is the engine there and usable? Never rejects. */
  find(): Promise<EngineFound>;
}

/** Connects nowhere yet. @throws Error when the address is none of a Unix socket */
export async function openDocker(options: OpenDockerOptions): Promise<Docker> {
  const { clock, log } = options;
  const engine = createEngine(options.address, clock);
  const source = options.workerImage === null ? await readImageSource(options.checkout, options.buildArgs) : null;
  const build: ImageBuild | null =
    source === null
      ? null
      : createImageBuild({ engine, checkout: options.checkout, source, image: DEFAULT_WORKER_IMAGE, clock, log });
  const images = createWorkerImages({ engine, defaultImage: options.workerImage ?? DEFAULT_WORKER_IMAGE, build });
  const provider = createDockerProvider({
    engine,
    images,
    serverId: options.serverId,
    folders: options.folders,
    clock,
    onLine: options.onLine,
    log,
  });
  return { provider, find: () => findEngine(engine) };
}
