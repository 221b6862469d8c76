import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isRootsAlone } from "./roots-alone.ts";

test("what lies below a folder that others may write to is not root's alone", async () => {
  const at = await mkdtemp(join(tmpdir(), "hive-roots-"));
  onTestFinished(() => rm(at, { recursive: true }));
  await mkdir(join(at, "open/closed"), { recursive: true });
  await writeFile(join(at, "open/closed/file"), "");
  await chmod(join(at, "open"), 0o777);
  expect(isRootsAlone(join(at, "open/closed/file"))).toBe(false);
});

test("the root folder of the system, and a folder of the system below it, are root's alone", () => {
  expect(isRootsAlone("/")).toBe(true);
  expect(isRootsAlone("/usr")).toBe(true);
});
