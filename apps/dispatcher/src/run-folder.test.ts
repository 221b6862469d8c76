import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CALLBACK_SECRET_FILE, openRunFolder, runFolderOf, shareCallbackSecret } from "./run-folder.ts";

let place: string;
let umask: number;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "hive-run-folder-"));
  // A careful operator's: what is for workers must be readable all the same.
  umask = process.umask(0o077);
});

afterEach(() => {
  process.umask(umask);
  rmSync(place, { recursive: true, force: true });
});

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

it("lies in the data folder unless the setting says otherwise", () => {
  expect(runFolderOf({ run: undefined, data: "some-data" })).toBe(resolve("some-data/run"));
  expect(runFolderOf({ run: "/run/hive", data: "some-data" })).toBe("/run/hive");
});

it("is made for everybody to look into, and holds no secret unasked", async () => {
  const folder = join(place, "data", "run");
  await openRunFolder(folder);
  expect(mode(folder)).toBe("755");
  expect(readdirSync(folder)).toEqual([]);
});

it("holds the shared secret for the server's user and group alone, and replaces an old one whole", async () => {
  await shareCallbackSecret(place, "the first secret of all");
  await shareCallbackSecret(place, "the second secret of all");
  expect(readdirSync(place)).toEqual([CALLBACK_SECRET_FILE]);
  expect(readFileSync(join(place, CALLBACK_SECRET_FILE), "utf8")).toBe("the second secret of all\n");
  expect(mode(join(place, CALLBACK_SECRET_FILE))).toBe("640");
});

it("holds no secret between a start and its socket, nor when it is shared no more", async () => {
  await shareCallbackSecret(place, "the first secret of all");
  await openRunFolder(place);
  expect(readdirSync(place)).toEqual([]);
});
