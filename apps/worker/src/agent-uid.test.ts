import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reserveUid } from "./agent-uid.ts";

const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)("two workers with the same slot on one machine never share an agents' user", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hive-uid-"));
  const first = await reserveUid(0, 30_000, folder);
  const second = await reserveUid(0, 30_000, folder);
  const other = await reserveUid(1, 30_000, folder);
  expect([first.uidBase, second.uidBase, other.uidBase]).toEqual([30_000, 34_096, 30_000]);
  first.release();
  const third = await reserveUid(0, 30_000, folder);
  expect(third.uidBase).toBe(30_000);
  for (const one of [second, other, third]) one.release();
  await rm(folder, { recursive: true });
});

test.runIf(!isRoot)("without root there is nothing to reserve", async () => {
  expect((await reserveUid(0, 30_000)).uidBase).toBe(30_000);
});
