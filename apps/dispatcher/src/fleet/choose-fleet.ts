/** Which pools this server has and where their workers run: from the settings, and from what this machine has. */

import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { createEngine } from "./docker/engine.ts";
import { DEFAULT_DOCKER_HOST } from "./docker/engine-address.ts";
import { findEngine } from "./docker/find-engine.ts";
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
  const found = asksFor ? await findEngine(createEngine(dockerHost, clock)) : ({ usable: false, reason: "" } as const);
  const provider = config.fleet === "auto" ? (found.usable ? "docker" : "process") : config.fleet;
  const pools = compilePools(entries, { provider, workers });
  const isolated = pools.some(inContainer);
  const images = [
    ...new Set(pools.filter(inContainer).map(({ image }) => image ?? config.workerImage ?? DEFAULT_WORKER_IMAGE)),
  ];
  const why =
    config.fleet === "process" ? "HIVE_FLEET is process" : `no container engine: ${found.usable ? "" : found.reason}`;
  return {
    pools,
    max: workers ?? pools.reduce((sum, { max }) => sum + max, 0),
    dockerHost: isolated ? dockerHost : null,
    isolated,
    isolation: isolated
      ? `containers (${found.usable ? found.about : `engine unreachable: ${found.reason}`}, image ${images.join(", ")})`
      : `none (${why}): ${
          config.allowUnisolated
            ? "real agents run as plain processes, because HIVE_ALLOW_UNISOLATED is set"
            : "real agents are held"
        }`,
    warnings: isolated && found.usable ? found.warnings : [],
  };
}

function inContainer({ provider }: Pool): boolean {
  return provider === "docker";
}
