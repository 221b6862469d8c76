/** `hive backup` and `hive restore`. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream";
import { fileURLToPath } from "node:url";
import { createGunzip } from "node:zlib";
import { BackupRefused, type BackupSum, openBackup } from "@hive/protocol/backup-file";
import type { Command } from "commander";
import { environment } from "../config.ts";
import { CliError, type Context } from "../context.ts";

const RESTORE = fileURLToPath(new URL("../../../dispatcher/src/backup/restore-main.ts", import.meta.url));

interface RestoreOptions {
  readonly data?: string;
  readonly store?: string;
  readonly replace?: boolean;
  readonly otherSecrets?: boolean;
}

/** Adds both. */
export function addBackupCommands(program: Command, context: () => Context): void {
  program
    .command("backup")
    .argument("<file>", "where to; a file of this name is replaced once the new one is whole")
    .description("write everything the running server keeps into one file: jobs, events, logs, artifacts")
    .action(async (file: string) => {
      const { hive, output } = context();
      const { bytes, sum, damaged } = await writeWhole(file, await hive().backup());
      const { documents, logs, files } = sum;
      output.answer({ file, bytes, documents, logs, files, damaged }, () =>
        [
          `${file}: ${documents} documents, ${logs} logs, ${files} files, ${bytes} bytes. Keep secrets.env with it: it is not in there.`,
          ...damaged.map((what) => `Damaged on the server, and so in the backup: ${what}`),
        ].join("\n"),
      );
    });

  program
    .command("restore")
    .argument("<file>", "what hive backup wrote")
    .description("put a backup into a store on which no server runs")
    .option("--data <folder>", "the data folder (default: HIVE_DATA, else hive-data)")
    .option("--store <store>", "sqlite, or redis://… (default: HIVE_STORE, else sqlite)")
    .option("--replace", "remove what is there")
    .option("--other-secrets", "although the secrets here are not those the backup was made with")
    .action(async (file: string, { data, store, replace, otherSecrets }: RestoreOptions) => {
      const flags = [
        ...(replace === true ? ["--replace"] : []),
        ...(otherSecrets === true ? ["--other-secrets"] : []),
        ...(program.opts<{ json?: boolean }>().json === true ? ["--json"] : []),
      ];
      const child = spawn(process.execPath, [RESTORE, ...flags, "--", file], {
        stdio: "inherit",
        env: {
          ...environment(),
          ...(data === undefined ? {} : { HIVE_DATA: data }),
          ...(store === undefined ? {} : { HIVE_STORE: store }),
        },
      });
      process.exitCode = await new Promise<number>((resolve, reject) => {
        child.once("error", reject);
        child.once("exit", (code) => resolve(code ?? 1));
      });
    });
}

/** Writes beside the file, reads it all again, and only then gives it its name. */
async function writeWhole(
  file: string,
  stream: AsyncIterable<Uint8Array>,
): Promise<{ readonly bytes: number } & Looked> {
  const partial = `${file}.partial-${process.pid}`;
  try {
    // It holds instructions and sealed tokens: nobody else reads it.
    const handle = await open(partial, "wx", 0o600);
    let bytes = 0;
    try {
      for await (const chunk of stream) {
        await handle.writeFile(chunk);
        bytes += chunk.byteLength;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    const looked = await lookThrough(partial);
    await rename(partial, file);
    const folder = await open(dirname(file), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return { bytes, ...looked };
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof BackupRefused) throw new CliError(`${error.message} (${file} is as it was)`);
    if (error instanceof TypeError && error.message === "terminated")
      throw new CliError(`the server broke off; ${file} is as it was, try again`);
    throw error;
  }
}

/** What a backup holds. */
interface Looked {
  readonly sum: BackupSum;
  /** Logs and files that the server could not read to their end, a few words each. */
  readonly damaged: readonly string[];
}

/** @throws BackupRefused unless the file is whole */
async function lookThrough(path: string): Promise<Looked> {
  const unpacked = createGunzip();
  pipeline(createReadStream(path), unpacked, () => {});
  const { lines, sum } = await openBackup(unpacked, createHash("sha256"));
  const damaged: string[] = [];
  let last = "";
  for await (const line of lines) {
    if (line.kind === "log") last = `the log of attempt ${line.fence} of job ${line.jobId}`;
    if (line.kind === "file") last = `${line.name} of attempt ${line.fence} of job ${line.jobId}`;
    if (line.kind === "end" && !line.whole) damaged.push(last);
  }
  const found = sum();
  if (found === null) throw new BackupRefused("the backup has no end; take another one");
  return { sum: found, damaged };
}
