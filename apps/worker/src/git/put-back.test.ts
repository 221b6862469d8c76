/** Unpublished work in a new working copy, with real git and, where the tests run as root, a user of the job's own. */

import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSlot, type Slot } from "../process/agent-user.ts";
import type { Workspace } from "./checkout.ts";
import { type GitWorld, openWorkspace, plainGit, startGitWorld } from "./git-fixture.ts";
import { putBackWork } from "./put-back.ts";

let world: GitWorld;
let slot: Slot;
let repos = 0;

beforeAll(async () => {
  world = await startGitWorld();
  slot = await openSlot({ folder: join(world.folder, "slot"), slot: 0, uidBase: 54_000 + (process.pid % 1_000) });
});
afterAll(() => world.stop());

function open(repo: string): Promise<Workspace> {
  return openWorkspace(world, repo, slot.user === undefined ? {} : { agent: slot.user });
}

/** A repository, and work that began at its head as a bundle of Hive's making. */
async function madeWork(): Promise<{ readonly repo: string; readonly bundle: string }> {
  repos += 1;
  const repo = await world.makeRepo(`put-back-${repos}.git`, { "a.txt": "one\ntwo\nthree\n", "gone.txt": "x" });
  const workspace = await open(repo);
  const { repo: folder, baseCommit } = workspace;
  writeFileSync(join(folder, "a.txt"), "one\ntwo\nthree\nfour\n");
  writeFileSync(join(folder, "new.bin"), Buffer.from([0, 1, 2, 255]));
  rmSync(join(folder, "gone.txt"));
  plainGit(folder, "add", "-A");
  plainGit(folder, "commit", "-q", "-m", "work");
  const ref = `refs/hive/work/${baseCommit}/${"0".repeat(40)}`;
  plainGit(folder, "update-ref", ref, "HEAD");
  const bundle = join(world.newFolder("bundles"), "work.bundle");
  plainGit(folder, "bundle", "create", "-q", bundle, ref, `^${baseCommit}`);
  return { repo, bundle };
}

/** A copy of a bundle in a folder of the supervisor's that the job's user may pass through. */
function handed(bundle: string): string {
  const folder = world.newFolder("private");
  const copy = join(folder, "unpublished.bundle");
  copyFileSync(bundle, copy);
  return copy;
}

const putBack = (workspace: Workspace, bundle: string): Promise<string | null> =>
  putBackWork({ bundle, repo: workspace.repo, slot, signal: new AbortController().signal });

const statusOf = (workspace: Workspace): string => plainGit(workspace.repo, "status", "--porcelain");

test("work is back as changes that are not committed: new, changed and removed files", async () => {
  const { repo, bundle } = await madeWork();
  const workspace = await open(repo);
  const copy = handed(bundle);
  expect(await putBack(workspace, copy)).toBeNull();
  expect(readFileSync(join(workspace.repo, "a.txt"), "utf8")).toBe("one\ntwo\nthree\nfour\n");
  expect([...readFileSync(join(workspace.repo, "new.bin"))]).toEqual([0, 1, 2, 255]);
  expect(existsSync(join(workspace.repo, "gone.txt"))).toBe(false);
  expect(statusOf(workspace)).toMatch(/M a\.txt\n ?D gone\.txt\n\?\? new\.bin/);
  expect(plainGit(workspace.repo, "rev-parse", "HEAD")).toBe(workspace.baseCommit);
  expect(plainGit(workspace.repo, "for-each-ref", "refs/hive")).toBe("");
  expect(existsSync(copy)).toBe(false);
});

test("where the base has moved on meanwhile it is merged, and where that fails the working copy is as it was", async () => {
  const { repo, bundle } = await madeWork();
  world.commitElsewhere(repo, "main", { "a.txt": "zero\none\ntwo\nthree\n" });
  const merged = await open(repo);
  expect(await putBack(merged, handed(bundle))).toBeNull();
  expect(readFileSync(join(merged.repo, "a.txt"), "utf8")).toBe("zero\none\ntwo\nthree\nfour\n");

  world.commitElsewhere(repo, "main", { "a.txt": "zero\none\ntwo\nfive\nsix\n" });
  const conflicting = await open(repo);
  expect(await putBack(conflicting, handed(bundle))).not.toBeNull();
  expect(statusOf(conflicting)).toBe("");
  expect(readFileSync(join(conflicting.repo, "a.txt"), "utf8")).toBe("zero\none\ntwo\nfive\nsix\n");
});

test("a file that is no bundle changes nothing", async () => {
  const { repo, bundle } = await madeWork();
  writeFileSync(bundle, "no bundle");
  const workspace = await open(repo);
  expect(await putBack(workspace, handed(bundle))).not.toBeNull();
  expect(statusOf(workspace)).toBe("");
});
