/** Where the server is and what opens it: the environment, else what the server's first start left in `hive-data`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface CliConfig {
  readonly url: string;
  /** Undefined when none was found; commands that need one say how to get it. */
  readonly token: string | undefined;
  /** Where the token came from, for `doctor`. */
  readonly tokenFrom: string;
  readonly dataDir: string;
}

/** Reads the environment. `HIVE_URL` wins over `HIVE_PORT`. */
export function loadCliConfig(env: NodeJS.ProcessEnv = process.env): CliConfig {
  const dataDir = env["HIVE_DATA"] || "hive-data";
  const file = join(dataDir, "secrets.env");
  const fromEnv = env["INTERNAL_API_TOKEN"]?.split(",")[0]?.trim();
  const fromFile = fromEnv ? undefined : tokenIn(file);
  return {
    url: (env["HIVE_URL"] || `http://localhost:${env["HIVE_PORT"] || "8099"}`).replace(/\/+$/, ""),
    token: fromEnv || fromFile,
    tokenFrom: fromEnv ? "INTERNAL_API_TOKEN" : fromFile ? file : "nowhere",
    dataDir,
  };
}

function tokenIn(file: string): string | undefined {
  try {
    return /^(?:export )?INTERNAL_API_TOKEN=['"]?([^'"\s,]+)/m.exec(readFileSync(file, "utf8"))?.[1];
  } catch {
    // No file, or not ours to read: `doctor` and the error of the command tell what to do.
    return undefined;
  }
}

/** This process's environment, for the programs `hive` starts. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}
