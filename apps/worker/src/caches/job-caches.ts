/**
 * The dependency caches of one job: which ones the repository declares at base, their way from the dispatcher before
 * the setup, and their way back after a job that may fill them. A cache saves time and nothing else: whatever goes wrong
 * here is one line in the job's log, and the job goes on.
 *
 * Who may fill caches is for the dispatcher to say (`fillsCaches` of the lease, and again when the bytes come). What it
 * cannot see is checked here: that the work really started at the head of base.
 */

import { createHash } from "node:crypto";
import { readBaseFile, type Workspace } from "../git/checkout.ts";
import type { Git } from "../git/git.ts";
import type { Slot } from "../process/agent-user.ts";
import type { LeaseCalls } from "../report/lease-calls.ts";
import { CONFIG_PATH, type DeclaredCache, parseRepositoryConfig } from "../tasks/repository-config.ts";
import { describeMachine } from "./machine.ts";
import { keepOutOfGit, lookAtPlace } from "./cache-place.ts";
import { packCache } from "./pack-cache.ts";
import { unpackCache } from "./unpack-cache.ts";

/** What the caches of a job work with. */
export interface CacheJob {
  readonly git: Git;
  readonly workspace: Workspace;
  readonly slot: Slot;
  /** A folder that only the supervisor writes, on the same disk as the workspace. */
  readonly folder: string;
  /** The lease's word. */
  readonly mayFill: boolean;
  readonly calls: Pick<LeaseCalls, "getCache" | "putCache">;
  readonly say: (line: string) => Promise<void>;
  /** Milliseconds of a monotonic clock. */
  readonly mono: () => number;
  readonly signal: AbortSignal;
}

/** The caches of a job in work. */
export interface JobCaches {
  /** Puts what the dispatcher has in its place. Never throws. */
  restore(): Promise<void>;
  /** Sends what has changed, where this job may. Never throws. To be called when nothing of the job lives any more. */
  save(): Promise<void>;
  /** Whether `save` may do anything at all. */
  readonly fills: boolean;
}

/** One declared folder and where it is. */
export interface CachePlace {
  /** As it was declared, for people. */
  readonly shown: string;
  /** The folder it is below: the working copy or the job's home. */
  readonly root: string;
  /** Its path below `root`. */
  readonly path: string;
  /** What the dispatcher knows it by. */
  readonly name: string;
  /** Whether files of the repository decide if it still fits. */
  readonly keyed: boolean;
}

/** Bytes of `.hive/config.yaml` that are read. */
const CONFIG_LONGEST = 1_024 * 1_024;
/** Part of every name: another way of packing must not meet archives of this one. */
const FORMAT = "tar.zst 1";

/** The caches declared at base; null when there are none, or none that can be used. */
export async function openCaches(job: CacheJob): Promise<JobCaches | null> {
  const { git, workspace } = job;
  const parsed = parseRepositoryConfig(await readBaseFile(git, workspace, CONFIG_PATH, CONFIG_LONGEST));
  // A file that is wrong fails the job at its setup, in words of its own.
  if (!parsed.ok || parsed.config.caches === undefined) return null;
  const places: CachePlace[] = [];
  for (const declared of parsed.config.caches) {
    const place = await placeOf(job, declared);
    if (place !== null) places.push(place);
  }
  if (places.length === 0) return null;
  const inRepository = places.filter((place) => place.root === workspace.repo);
  await keepOutOfGit(job, inRepository);

  /** What each restored folder looked like when it was in place. */
  const restored = new Map<CachePlace, string>();
  const each = async (what: string, act: (place: CachePlace) => Promise<void>): Promise<void> => {
    for (const place of places) {
      if (job.signal.aborted) return;
      await act(place).catch(async (error: unknown) => {
        if (job.signal.aborted) return;
        await job.say(
          `caches: ${place.shown} was not ${what}: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
    }
  };

  async function restore(place: CachePlace): Promise<void> {
    const startedAt = job.mono();
    const before = await lookAtPlace(job, place);
    if (before !== null) throw new Error("there is something in its place already");
    const found = await job.calls.getCache(place.name, job.signal);
    if (found === null) return job.say(`caches: ${place.shown} is not there yet`);
    const bytes = await unpackCache(job, place, found);
    const look = await lookAtPlace(job, place);
    if (look !== null) restored.set(place, look);
    await job.say(`caches: ${place.shown} restored: ${bytes} bytes in ${Math.round(job.mono() - startedAt)} ms`);
  }

  async function save(place: CachePlace): Promise<void> {
    const startedAt = job.mono();
    const before = restored.get(place);
    // What its key files stand for is what it holds.
    if (before !== undefined && place.keyed) return;
    const look = await lookAtPlace(job, place);
    if (look === null) return job.say(`caches: ${place.shown} is not there, so nothing is kept`);
    if (look === before) return;
    await using packed = await packCache(job, place);
    await job.calls.putCache(place.name, packed.sha256, packed.file, job.signal);
    await job.say(`caches: ${place.shown} kept: ${packed.bytes} bytes in ${Math.round(job.mono() - startedAt)} ms`);
  }

  const atBase = workspace.baseCommit === workspace.baseHead;
  return {
    fills: job.mayFill && atBase,
    restore: () => each("restored", restore),
    async save() {
      if (job.mayFill && atBase) await each("kept", save);
    },
  };
}

async function placeOf(job: CacheJob, { path: shown, key }: DeclaredCache): Promise<CachePlace | null> {
  const { workspace, slot } = job;
  const atHome = shown.startsWith("~/");
  const path = atHome ? shown.slice(2) : shown;
  const commits = new Set([workspace.baseHead, workspace.baseCommit]);
  for (const commit of atHome ? [] : commits) {
    if ((await objectAt(job, commit, path)) === null) continue;
    await job.say(`caches: ${shown} is part of the repository, so it is no cache`);
    return null;
  }
  const files: (string | null)[] = [];
  for (const file of key) files.push(await objectAt(job, workspace.baseHead, file));
  const identity = JSON.stringify([FORMAT, shown, await describeMachine(), key, files]);
  const name = createHash("sha256").update(identity).digest("hex");
  const root = atHome ? slot.home : workspace.repo;
  return { shown, root, path, name, keyed: key.length > 0 };
}

/** What git calls the content at a path of a commit; null when there is none. */
async function objectAt({ git, workspace }: CacheJob, commit: string, path: string): Promise<string | null> {
  const found = await git.run(["rev-parse", "--verify", "-q", "--end-of-options", `${commit}:${path}`], {
    cwd: workspace.mirror.folder,
  });
  return found.ok ? found.stdout.trim() : null;
}
