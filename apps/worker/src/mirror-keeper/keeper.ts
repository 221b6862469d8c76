/**
 * The mirror keeper: the only writer of mirrors where workers are containers. A worker's own credential must open the
 * repository first; then the mirror is brought up to date, once for everybody who asks at that moment, and a read-only
 * hand-out of it is made for this one lease. `main.ts` makes a program of it.
 */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseRepoAddress } from "@hive/core";
import type { KeeperRequest, MirrorReply } from "@hive/protocol";
import { failedWith, type GitFailed } from "../git/failure.ts";
import type { Git } from "../git/git.ts";
import { createMirrors, type Mirror } from "../git/mirror.ts";
import { folderOf, type HandOut, openHandOuts } from "./hand-outs.ts";
import { createShelf, type KeeperLog, type ShelfLimits, type ShelfMachine } from "./shelf.ts";

/** A lease that asks for a repository. */
export type HandOutRequest = Omit<Extract<KeeperRequest, { readonly do: "handOut" }>, "do" | "id">;

export interface MirrorKeeperOptions {
  readonly git: Git;
  /** Absolute; nobody else writes below it. */
  readonly folder: string;
  readonly allowFileRepos: boolean;
  readonly limits: ShelfLimits;
  /** Branches a hand-out may name: each passes through the dispatcher, which has other things to do. Default 50,000. */
  readonly mostHeads?: number;
  readonly machine: ShelfMachine;
  readonly log: KeeperLog;
}

export interface MirrorKeeper {
  /** Every call makes a hand-out of its own. Never rejects. */
  handOut(request: HandOutRequest): Promise<MirrorReply>;
  /** The lease is over: stops what it still waits for and removes its hand-outs. */
  release(lease: string): Promise<void>;
  /** Leases that wait for something or have it. */
  leases(): readonly string[];
  /** Removes mirrors that are too old or too many. */
  tidy(): Promise<void>;
  /** Stops everything that runs; hand-outs stay. */
  stop(): Promise<void>;
}

const MOST_HEADS = 50_000;

interface Asking {
  readonly stop: AbortController;
  readonly done: Promise<unknown>;
}

/** Opens the keeper's folder. @throws when it cannot be written */
export async function createMirrorKeeper(options: MirrorKeeperOptions): Promise<MirrorKeeper> {
  const { folder, git, log, mostHeads = MOST_HEADS } = options;
  const mirrorsFolder = join(folder, "mirrors");
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await mkdir(mirrorsFolder, { recursive: true, mode: 0o700 });
  // Nobody else writes here: what is half made, or half removed, is of a keeper that was killed.
  for (const name of await readdir(mirrorsFolder)) {
    if (!/\.git\.new-/.test(name)) continue;
    await rm(join(mirrorsFolder, name), { recursive: true, force: true }).catch((error: unknown) => {
      log.warn(`${name} is left over: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
  const handOuts = await openHandOuts(folder, mirrorsFolder);
  const asking = new Map<string, Set<Asking>>();
  /** How many requests are at work on a mirror. */
  const atWork = new Map<string, number>();
  const shelf = createShelf({
    folder: mirrorsFolder,
    limits: options.limits,
    machine: options.machine,
    isInUse: (mirror) => atWork.has(mirror) || handOuts.all().some((handOut) => handOut.mirror === basename(mirror)),
    remove: async (mirror) => {
      await mirrors.discard({ folder: mirror });
      // We are the only process here, and nobody of us waits for the lock of a mirror that is not in use.
      await rm(`${mirror}.lock`, { force: true });
    },
    log,
  });
  const mirrors = await createMirrors(git, mirrorsFolder, shelf.aroundFetch);

  async function atWorkOn<T>(mirror: string, work: () => Promise<T>): Promise<T> {
    atWork.set(mirror, (atWork.get(mirror) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (atWork.get(mirror) ?? 1) - 1;
      if (left === 0) atWork.delete(mirror);
      else atWork.set(mirror, left);
    }
  }

  async function serve(request: HandOutRequest, signal: AbortSignal): Promise<MirrorReply> {
    const address = parseRepoAddress(request.repo, {
      allowFile: options.allowFileRepos,
      // The dispatcher took this address only from a network its operator named.
      allowPlainHttp: () => true,
    });
    if (!address.ok) return { ok: false, code: "repo_not_found", message: address.message };
    const { credential, proxy } = request;
    return atWorkOn(mirrors.folderOf(address), async () => {
      if (request.broken !== null) await discard(request.lease, request.broken);
      for (let attempt = 1; ; attempt += 1) {
        const mirror = await mirrors.prepare({ address, credential, proxy }, signal);
        if (!mirror.ok) return told(mirror);
        const { size } = mirror.refs.heads;
        if (size > mostHeads) return told(failedWith("work_too_large", tooMany(address.url, size, mostHeads)));
        const made = await lend(request, mirror, signal);
        if (!("failed" in made)) return reply(made, mirror);
        // Another lease found it damaged and threw it away in this moment: it is fetched anew for both.
        const isGone = (await birthOf(mirror.folder)) === "";
        if (!isGone || attempt === 2) return told(made.failed);
      }
    });
  }

  async function lend(
    { lease, worker }: HandOutRequest,
    mirror: Mirror,
    signal: AbortSignal,
  ): Promise<HandOut | { failed: GitFailed }> {
    const of = { lease, worker, mirror: basename(mirror.folder), birth: await birthOf(mirror.folder) };
    const made = await handOuts.make(of, async (place) => {
      const lent = await mirrors.lend(mirror, place, signal);
      return lent.ok ? null : lent;
    });
    if (!("failed" in made)) await shelf.used(mirror.folder);
    return made;
  }

  /** Throws the mirror behind a damaged hand-out away, unless it was fetched anew since that was made. */
  async function discard(lease: string, broken: string): Promise<void> {
    const handOut = handOuts.all().find((one) => one.lease === lease && folderOf(one) === broken);
    if (handOut === undefined) return;
    const mirror = join(mirrorsFolder, handOut.mirror);
    if ((await birthOf(mirror)) !== handOut.birth) return;
    log.warn(`the mirror ${handOut.mirror} is damaged and fetched anew`);
    await mirrors.discard({ folder: mirror });
  }

  return {
    leases: () => [...new Set([...asking.keys(), ...handOuts.all().map(({ lease }) => lease)])],
    tidy: () => shelf.tidy(),
    handOut(request) {
      const stop = new AbortController();
      const done = serve(request, stop.signal).catch((error: unknown): MirrorReply => broken(error, log));
      const ours: Asking = { stop, done };
      const others = asking.get(request.lease) ?? new Set();
      asking.set(request.lease, others.add(ours));
      return done.finally(() => {
        others.delete(ours);
        if (others.size === 0 && asking.get(request.lease) === others) asking.delete(request.lease);
      });
    },
    async release(lease) {
      const running = [...(asking.get(lease) ?? [])];
      for (const { stop } of running) stop.abort();
      await Promise.all(running.map(({ done }) => done));
      await handOuts.release(lease);
    },
    async stop() {
      const running = [...asking.values()].flatMap((all) => [...all]);
      for (const { stop } of running) stop.abort();
      await Promise.all(running.map(({ done }) => done));
    },
  };
}

function reply(handOut: HandOut, { refs }: Mirror): MirrorReply {
  return { ok: true, folder: folderOf(handOut), defaultBranch: refs.defaultBranch, heads: [...refs.heads] };
}

function tooMany(url: string, branches: number, most: number): string {
  return `${url} has ${branches} branches, more than the ${most} a hand-out can name; delete some`;
}

function told({ code, message }: GitFailed): MirrorReply {
  return { ok: false, code, message };
}

/** What no git command reported: usually the disk. */
function broken(error: unknown, log: KeeperLog): MirrorReply {
  const message = error instanceof Error ? error.message : String(error);
  const full = ["ENOSPC", "EDQUOT"].includes(String((error as { readonly code?: unknown }).code));
  log.warn(`a hand-out could not be made: ${message}`);
  return told(failedWith(full ? "disk_full" : "git_failed", `the mirror keeper could not go on: ${message}`));
}

/** Tells a mirror from one that was cloned anew into its place; empty when there is none. */
async function birthOf(mirror: string): Promise<string> {
  return stat(mirror).then(
    ({ ino, birthtimeMs }) => `${ino}-${birthtimeMs}`,
    () => "",
  );
}
