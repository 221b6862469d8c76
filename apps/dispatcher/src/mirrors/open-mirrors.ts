/** Puts the mirrors together from the settings. */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Queue } from "../queue/contract.ts";
import { createMirrorKeeper } from "./keeper-process.ts";
import { type Mirrors, startMirrors } from "./mirrors.ts";

export interface OpenMirrorsOptions {
  readonly config: Pick<
    Config,
    "data" | "mirrorData" | "mirrorDays" | "mirrorBytes" | "mirrorFreeBytes" | "allowFileRepos"
  >;
  readonly queue: Pick<Queue, "read" | "onEffect" | "readiness" | "onReadiness">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly variable: (name: string) => string | undefined;
  /** The server's own way out, as soon as it is known whether there is one. */
  readonly proxy: () => Promise<string | null>;
}

const DAY_MS = 86_400_000;

/** The folder of mirrors and hand-outs, absolute. */
export function mirrorFolder({ data, mirrorData }: Pick<Config, "data" | "mirrorData">): string {
  return resolve(mirrorData ?? join(data, "mirrors"));
}

/** Starts to look after hand-outs. The keeper's process is started when the first worker asks, or where one has worked before. */
export function openMirrors({ config, queue, clock, log, variable, proxy }: OpenMirrorsOptions): Mirrors {
  const folder = mirrorFolder(config);
  const caFile = variable("NODE_EXTRA_CA_CERTS");
  const keeper = createMirrorKeeper({
    settings: {
      folder,
      path: variable("PATH") ?? "/usr/local/bin:/usr/bin:/bin",
      allowFileRepos: config.allowFileRepos,
      keepMs: config.mirrorDays * DAY_MS,
      maxBytes: config.mirrorBytes,
      minFreeBytes: config.mirrorFreeBytes,
      ...(caFile === undefined ? {} : { caFile }),
    },
    proxy,
    clock,
    log,
  });
  return startMirrors({ keeper, queue, clock, log, wasUsed: () => existsSync(join(folder, "leases")) });
}
