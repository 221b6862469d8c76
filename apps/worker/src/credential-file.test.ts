import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCredential } from "./credential-file.ts";

let folder = "";
let now = 0;
/** Time that passes as fast as it is waited for; `meanwhile` happens in every wait. */
const clockThat = (meanwhile: () => Promise<void>) => ({
  mono: () => now,
  wall: () => now,
  random: () => 0.5,
  after(ms: number, act: () => void) {
    now += ms;
    void meanwhile().then(act);
    return () => undefined;
  },
});

beforeEach(async () => {
  now = 0;
  folder = await mkdtemp(join(tmpdir(), "hive-credential-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a file that comes later, and is empty first, is waited for and said to be", async () => {
  const file = join(folder, "secret");
  const said: string[] = [];
  const texts = [null, "", `${"x".repeat(20)}\n`];
  const clock = clockThat(async () => {
    const text = texts.shift();
    if (text != null) await writeFile(file, text);
  });
  expect(await readCredential({ kind: "file", files: [file] }, { clock, say: (line) => said.push(line) })).toEqual({
    kind: "secret",
    secret: "x".repeat(20),
  });
  expect(said).toEqual([`waiting for ${file}, which the dispatcher writes at its start`]);
});

test("a file that never comes, holds too little or cannot be read ends the start with a sentence", async () => {
  const file = join(folder, "secret");
  const options = { clock: clockThat(() => Promise.resolve()), say: () => undefined };
  await expect(readCredential({ kind: "file", files: [file] }, options)).rejects.toThrow(
    /is not there; the dispatcher writes it/,
  );
  expect(now).toBeGreaterThanOrEqual(120_000);
  await writeFile(file, "short");
  await expect(readCredential({ kind: "file", files: [file] }, options)).rejects.toThrow(
    /no secret of at least 16 characters/,
  );
  await expect(readCredential({ kind: "file", files: [folder] }, options)).rejects.toThrow(/cannot be read \(EISDIR\)/);
});

test("of the files of several dispatchers any one will do, whichever of them has started", async () => {
  const files = [join(folder, "of-one-that-never-starts"), join(folder, "of-the-other")] as const;
  const said: string[] = [];
  const clock = clockThat(() => writeFile(files[1], `${"y".repeat(20)}\n`));
  expect(await readCredential({ kind: "file", files }, { clock, say: (line) => said.push(line) })).toEqual({
    kind: "secret",
    secret: "y".repeat(20),
  });
  expect(said).toEqual([`waiting for ${files[0]} or ${files[1]}, which the dispatcher writes at its start`]);
});

test("a credential that is no file is what it is", async () => {
  const credential = { kind: "launch", token: "t" } as const;
  expect(await readCredential(credential, { clock: clockThat(() => Promise.resolve()), say: () => undefined })).toBe(
    credential,
  );
});
