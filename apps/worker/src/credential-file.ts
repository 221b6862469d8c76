/**
 * The secret shared with the dispatcher, out of a file: where both start at once (`docker compose up`), the first start
 * of the dispatcher makes the secret while the worker waits for it. Replicas write the same secret, each to a file of its
 * own, so that a worker can start while any one of them lives.
 */

import { readFile } from "node:fs/promises";
import { ConfigError, type ConfiguredCredential, type Credential, SECRET_SHORTEST } from "./config.ts";
import { type Clock, pause } from "./loops/clock.ts";

export interface CredentialOptions {
  readonly clock: Clock;
  /** Told once when no file is there yet. */
  readonly say: (message: string) => void;
  /** Milliseconds a file is waited for. Default 120,000. */
  readonly waitMs?: number;
}

const WAIT_MS = 120_000;
const LOOK_MS = 500;

/** What this worker proves itself with: of several files the first that is there. @throws ConfigError when none comes, or it holds no secret */
export async function readCredential(
  configured: ConfiguredCredential,
  options: CredentialOptions,
): Promise<Credential> {
  if (configured.kind !== "file") return configured;
  const { clock, say } = options;
  const { files } = configured;
  const named = files.join(" or ");
  const giveUpAt = clock.mono() + (options.waitMs ?? WAIT_MS);
  for (let told = false; ; told = true) {
    for (const file of files) {
      const text = await readIfThere(file);
      if (text === null) continue;
      const secret = text.trim();
      if (secret.length >= SECRET_SHORTEST) return { kind: "secret", secret };
      throw new ConfigError([
        `CALLBACK_SECRET_FILE: ${file} holds no secret of at least ${SECRET_SHORTEST} characters`,
      ]);
    }
    if (clock.mono() >= giveUpAt) {
      throw new ConfigError([
        `CALLBACK_SECRET_FILE: ${named} is not there; the dispatcher writes it at its start (HIVE_SHARE_CALLBACK_SECRET=1)`,
      ]);
    }
    if (!told) say(`waiting for ${named}, which the dispatcher writes at its start`);
    await pause(clock, LOOK_MS);
  }
}

/** Null: not there, or there and still empty. */
async function readIfThere(file: string): Promise<string | null> {
  try {
    const text = await readFile(file, "utf8");
    return text.trim() === "" ? null : text;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return null;
    throw new ConfigError([`CALLBACK_SECRET_FILE: ${file} cannot be read (${String(code ?? error)})`]);
  }
}
