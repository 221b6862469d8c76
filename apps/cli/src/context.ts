/** What every command gets: a client that is told where the server is, and where to write. */

import { createHive, type HiveClient } from "@hive/sdk";
import type { CliConfig } from "./config.ts";
import type { Output } from "./output.ts";

/** A command cannot go on; the message says what to do. */
export class CliError extends Error {
  override readonly name = "CliError";
}

export interface Context {
  readonly config: CliConfig;
  readonly output: Output;
  /** @throws CliError when there is no token. */
  readonly hive: () => HiveClient;
}

/** The context of one call of `hive`. */
export function createContext(config: CliConfig, output: Output): Context {
  return {
    config,
    output,
    hive() {
      if (config.token === undefined) {
        throw new CliError(
          `There is no token: run "source ${config.dataDir}/secrets.env" (the server's first start, npm start, writes it), or set INTERNAL_API_TOKEN.`,
        );
      }
      return createHive({ url: config.url, token: config.token });
    },
  };
}
