/** Which pools this server has and where their workers run: from the settings, and from what this machine has. */

import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { createEngine } from "./docker/engine.ts";
import { DEFAULT_DOCKER_HOST } from "./docker/engine-address.ts";
import { type EngineFound, findEngine } from "./docker/find-engine.ts";
import { DEFAULT_WORKER_IMAGE } from "./docker/open-docker.ts";
import { compilePools, type Pool } from "./pool-settings.ts";

export interface FleetChoice {
  /** Empty: this server starts no workers. */
  readonly pools: readonly Pool[];
  /** Workers of all pools together, at most. */
  readonly max: number;
  /** The address of the engine that makes containers; null when no pool needs one. The engine may be away. */
  readonly dockerHost: string | null;
  /** True when real agents may be taken: containers keep them in, or workers from elsewhere say what they offer. */
  readonly isolated: boolean;
  /** What isolates jobs from this machine, in words, for the start. */
  readonly isolation: string;
  /** What the engine lacks of what isolation asks for. */
  readonly warnings: readonly string[];
}

export async function chooseFleet(
  config: Pick<Config, "fleet" | "dockerHost" | "workers" | "workerImage" | "pools" | "allowUnisolated">,
  clock: Pick<Clock, "after">,
): Promise<FleetChoice> {
  const { workers, pools: entries } = config;
  if (workers === 0 || entries?.length === 0) {
    return {
      pools: [],
      max: 0,
      dockerHost: null,
      isolated: true,
      isolation: "as each worker says: this server starts none itself",
      warnings: [],
    };
  }
  const dockerHost = config.dockerHost ?? DEFAULT_DOCKER_HOST;
  // Without need nobody is asked: a server told to use processes does not touch the engine.
  const asksFor =
    config.fleet !== "process" || compilePools(entries, { provider: "process", workers }).some(inContainer);
  const found: EngineFound = asksFor
    ? await findEngine(createEngine(dockerHost, clock))
    : { usable: false, reason: "it was not asked for" };
  const provider = config.fleet === "auto" ? (found.usable ? "docker" : "process") : config.fleet;
  const pools = compilePools(entries, { provider, workers });
  const isolated = pools.some(inContainer);
  return {
    pools,
    max: workers ?? pools.reduce((sum, { max }) => sum + max, 0),
    dockerHost: isolated ? dockerHost : null,
    isolated,
    isolation: isolated ? containers(pools, config.workerImage, found) : nothing(config, found),
    warnings: isolated && found.usable ? found.warnings : [],
  };
}

function containers(pools: readonly Pool[], workerImage: string | undefined, found: EngineFound): string {
  const engine = found.usable ? found.about : `the engine cannot be reached: ${found.reason}`;
  const images = new Set(pools.filter(inContainer).map(({ image }) => image ?? workerImage ?? DEFAULT_WORKER_IMAGE));
  const bare = pools.filter((pool) => !inContainer(pool)).map(({ name }) => name);
  const but = bare.length === 0 ? "" : `; none in ${bare.join(", ")}, whose workers are processes`;
  return `containers (${engine}, image ${[...images].join(", ")})${but}`;
}

function nothing({ fleet, allowUnisolated }: Pick<Config, "fleet" | "allowUnisolated">, found: EngineFound): string {
  const why =
    fleet === "process"
      ? "HIVE_FLEET is process"
      : found.usable
        ? "the pools in hive.yaml are of processes"
        : `no container engine: ${found.reason}`;
  const agents = allowUnisolated
    ? "real agents run as plain processes, because HIVE_ALLOW_UNISOLATED is set"
    : "real agents are held";
  return `none (${why}): ${agents}`;
}

function inContainer({ provider }: Pool): boolean {
  return provider === "docker";
}
