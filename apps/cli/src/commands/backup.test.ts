import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type BackupLine, writeBackup } from "@hive/protocol/backup-file";
import { Command } from "commander";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createContext } from "../context.ts";
import { createOutput } from "../output.ts";
import { addBackupCommands } from "./backup.ts";

let folder: string;
let file: string;
const ends: (() => Promise<void> | void)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-cli-"));
  file = join(folder, "hive.gz");
  await writeFile(file, "the backup of yesterday");
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await rm(folder, { recursive: true });
});

/** `hive backup FILE` against a server that answers like this. */
async function backup(
  answer: (response: ServerResponse) => void,
  told: (words: string) => void = () => undefined,
): Promise<void> {
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const config = { url: `http://127.0.0.1:${port}`, token: "t".repeat(40), tokenFrom: "test", dataDir: folder };
  const program = new Command("hive").exitOverride();
  const output = { ...createOutput(false), answer: (_data: unknown, words: () => string) => told(words()) };
  addBackupCommands(program, () => createContext(config, output));
  await program.parseAsync(["node", "hive", "backup", file]);
}

async function whole(more: readonly BackupLine[] = []): Promise<Buffer> {
  const header = { version: "1", at: "now", store: "memory", epoch: 1, storeFormat: 1, secretsId: "s" };
  const lines = (async function* one() {
    yield { kind: "document", collection: "jobs", id: "a", doc: { id: "a" } } as const;
    yield* more;
  })();
  let text = "";
  for await (const piece of writeBackup(header, lines, createHash("sha256"))) text += piece;
  return gzipSync(text);
}

it("takes the place of the one before only once it is whole", async () => {
  const bytes = await whole();
  await backup((response) => response.end(bytes));
  expect(await readFile(file)).toEqual(bytes);
  expect(await readdir(folder)).toEqual(["hive.gz"]);
});

it("names what the server could not read to its end, and keeps the rest", async () => {
  const bytes = await whole([
    { kind: "log", jobId: "a", fence: 1 },
    { kind: "bytes", bytes: Buffer.from("hel") },
    { kind: "end", whole: false },
    { kind: "log", jobId: "a", fence: 2 },
    { kind: "end", whole: true },
  ]);
  let words = "";
  await backup(
    (response) => response.end(bytes),
    (told) => (words = told),
  );
  expect(words.split("\n").slice(1)).toEqual([
    "Damaged on the server, and so in the backup: the log of attempt 1 of job a",
  ]);
  expect(await readFile(file)).toEqual(bytes);
});

it.each([
  [
    "breaks off",
    (bytes: Buffer, response: ServerResponse) => response.write(bytes.subarray(0, 20), () => response.destroy()),
    "broke off",
  ],
  ["ends too early", (bytes: Buffer, response: ServerResponse) => response.end(bytes.subarray(0, -4)), "is cut off"],
  ["sends something else", (_bytes: Buffer, response: ServerResponse) => response.end("hello"), "is not"],
] as const)("leaves the one before as it was when the server %s", async (_how, answer, why) => {
  const bytes = await whole();
  await expect(backup((response) => void answer(bytes, response))).rejects.toThrow(why);
  expect(await readFile(file, "utf8")).toBe("the backup of yesterday");
  expect(await readdir(folder)).toEqual(["hive.gz"]);
});
