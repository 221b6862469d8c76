import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeInputs } from "./input-files.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-inputs-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const INPUTS = [
  { name: "signal.json", text: '{"title":"é"}' },
  { name: "more.txt", text: "" },
];

test("a job that was given no files has no folder for them", async () => {
  expect(await writeInputs(folder, [], undefined)).toBeNull();
  expect(await readdir(folder)).toEqual([]);
});

test("the files lie in a folder of their own, as they came, and are nobody else's to read", async () => {
  const place = await writeInputs(folder, INPUTS, undefined);
  expect(place).toBe(join(folder, "input"));
  expect(await readFile(join(place ?? "", "signal.json"), "utf8")).toBe('{"title":"é"}');
  expect((await readdir(place ?? "")).sort()).toEqual(["more.txt", "signal.json"]);
  expect((await stat(join(place ?? "", "signal.json"))).mode & 0o777).toBe(0o400);
  expect((await stat(place ?? "")).mode & 0o777).toBe(0o700);
});

test.runIf(process.getuid?.() === 0)("the job's user reads them and changes nothing", async () => {
  const user = { uid: 65_001, gid: 65_001, home: folder };
  await promisify(execFile)("chmod", ["0711", folder]);
  const place = (await writeInputs(folder, INPUTS, user)) ?? "";
  const as = (script: string, gid = user.gid) =>
    promisify(execFile)("/bin/sh", ["-c", script], { uid: user.uid, gid, cwd: "/" });
  expect((await as(`cat ${place}/signal.json`)).stdout).toBe('{"title":"é"}');
  for (const script of [
    `echo x >>${place}/signal.json`,
    `rm ${place}/signal.json`,
    `echo x >${place}/new`,
    `chmod u+w ${place}/signal.json`,
  ]) {
    await expect(as(script)).rejects.toThrow();
  }
  await expect(as(`cat ${place}/signal.json`, 65_002)).rejects.toThrow();
});
