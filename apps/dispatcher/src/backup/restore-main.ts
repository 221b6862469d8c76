/**
 * `hive restore FILE`: puts a backup into the store that the settings name, while no dispatcher runs on it. Started by the
 * CLI as a program of its own.
 */

import { createReadStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { COLLECTIONS, DEFAULT_RULES } from "@hive/core";
import { BackupRefused, type BackupHeader } from "@hive/protocol/backup-file";
import { readSigningKey } from "../auth/signing-key.ts";
import { systemClock } from "../clock.ts";
import { ConfigError } from "../config.ts";
import { createLeadership, type Leadership } from "../leader/leadership.ts";
import { createLog } from "../log.ts";
import { SecretsFileError } from "../secrets/secrets-file.ts";
import { readSettings } from "../settings.ts";
import { chooseStorage, type Storage } from "../storage.ts";
import { type Election, type Store, StoreFenced, StoreHeld, StoreInUse } from "../store/contract.ts";
import { isStartRefusal } from "../store/start-refusal.ts";
import { openPacked } from "./open-packed.ts";
import { type Restored, restore, StoreNotEmpty } from "./restore.ts";

/** How long a dispatcher that seems to run is looked at before that is believed, in terms of the leadership. */
const PATIENCE_TERMS = 1.5;
const LOOK_MS = 250;

class OtherSecrets extends Error {
  override readonly name = "OtherSecrets";
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { replace: { type: "boolean" }, "other-secrets": { type: "boolean" }, json: { type: "boolean" } },
  });
  const [file] = positionals;
  if (file === undefined) throw new BackupRefused("name the file to restore");
  const { config, secrets } = await readSettings();
  if (config.store === "memory")
    throw new BackupRefused("nothing is left of a store in memory: set HIVE_STORE to another");
  await mkdir(config.data, { recursive: true, mode: 0o700 });
  const storage = chooseStorage(config, createLog("off"));
  const leadership = createLeadership({
    // Nobody's: a dispatcher that lives at the usual one must not be taken for an earlier life of this.
    url: "http://restore.invalid",
    secrets,
    signingKey: readSigningKey(secrets.signingKey),
    mono: systemClock.mono,
  });
  const accept = ({ secretsId }: BackupHeader): void => {
    if (secretsId === leadership.secretsId || values["other-secrets"] === true) return;
    throw new OtherSecrets(
      `The backup was made with other secrets than those in ${secrets.path}: put secrets.env of that server there. ` +
        "With --other-secrets it is restored all the same, but tokens of jobs that wait cannot be opened, and whoever has a token of that server needs a new one.",
    );
  };
  try {
    const restored = await restore({
      read: () => openPacked(createReadStream(file)),
      accept,
      open: (minEpoch) => open(storage, leadership, minEpoch),
      openLogs: (election) => storage.openLogs(() => ({ ...election, sequence: 0 })),
      rules: DEFAULT_RULES,
      clock: systemClock,
      replace: values.replace === true,
    });
    process.stdout.write(values.json === true ? `${JSON.stringify(restored)}\n` : told(restored));
  } finally {
    storage.close();
  }
}

/** The store for this process. A queen that was killed is waited out; one that lives is not disturbed. */
async function open(
  storage: Storage,
  leadership: Leadership,
  minEpoch: number,
): Promise<{ readonly store: Store; readonly election: Election }> {
  const begun = performance.now();
  for (;;) {
    const store = storage.openStore(leadership);
    try {
      return { store, election: await store.open(COLLECTIONS, minEpoch) };
    } catch (error) {
      await store.close();
      if (!(error instanceof StoreHeld)) throw error;
      if (performance.now() - begun > PATIENCE_TERMS * leadership.termMs) {
        throw new StoreInUse(`${error.message}: stop every dispatcher of this store, then restore`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

function told({ header, documents, logs, files, interrupted, skipped }: Restored): string {
  const lines = [
    `Restored the backup of ${header.at}: ${documents} documents, ${logs} logs, ${files} files.`,
    `${interrupted} ${interrupted === 1 ? "job" : "jobs"} ran when it was made, and ${interrupted === 1 ? "runs" : "run"} again. Start the server now.`,
    ...skipped.map((sentence) => `Not taken over: ${sentence}`),
  ];
  return `${lines.join("\n")}\n`;
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

/** A restore that was refused, in words a person can act on; anything unforeseen keeps its stack. */
function explain(error: unknown): string {
  if (error instanceof StoreFenced)
    return `A dispatcher was started on this store while it was restored, and the restore is not complete. Stop it, and restore again. (${error.message})`;
  const known =
    error instanceof BackupRefused ||
    error instanceof ConfigError ||
    error instanceof OtherSecrets ||
    error instanceof SecretsFileError ||
    error instanceof StoreNotEmpty ||
    isStartRefusal(error);
  if (known) return error.message;
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EACCES"))
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
