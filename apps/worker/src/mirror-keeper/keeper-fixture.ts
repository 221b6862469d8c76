/** A mirror keeper in a test's own world: a real git server that counts, a disk and a time the test decides. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { MirrorReply } from "@hive/protocol";
import { type GitWorld, TOKEN } from "../git/git-fixture.ts";
import { createMirrorKeeper, type HandOutRequest, type MirrorKeeper, type MirrorKeeperOptions } from "./keeper.ts";
import type { ShelfMachine } from "./shelf.ts";

export const DAY_MS = 86_400_000;

/** A keeper and what the test holds in its hands. */
export interface KeeperWorld {
  readonly keeper: MirrorKeeper;
  readonly folder: string;
  /** What it said to the log. */
  readonly said: string[];
  /** The disk's free bytes and the time, as the keeper sees them. */
  readonly machine: { free: number; now: number; readonly look: () => void };
  /** Asks for a repository of the world's server with the token that opens it. */
  readonly ask: (repo: string, lease: string, more?: Partial<HandOutRequest>) => Promise<MirrorReply>;
  /** The same; throws unless it was handed out, and answers the absolute folder. */
  readonly get: (repo: string, lease: string, more?: Partial<HandOutRequest>) => Promise<string>;
  /** Another keeper of the same folder, as after a restart. */
  readonly again: () => Promise<KeeperWorld>;
}

/** Starts a keeper in a new folder of `world`. */
export async function startKeeper(
  world: GitWorld,
  more: Partial<Pick<MirrorKeeperOptions, "git" | "mostHeads">> = {},
  folder = join(world.newFolder("keeper"), "data"),
): Promise<KeeperWorld> {
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o755 });
  const said: string[] = [];
  const looks = new Set<() => void>();
  const machine = { free: 1e12, now: Date.now(), look: () => looks.forEach((look) => look()) };
  const seen: ShelfMachine = {
    now: () => machine.now,
    freeBytes: () => Promise.resolve(machine.free),
    every(_ms, run) {
      looks.add(run);
      return () => looks.delete(run);
    },
  };
  const keeper = await createMirrorKeeper({
    git: world.git,
    ...more,
    folder,
    allowFileRepos: false,
    limits: { keepMs: 30 * DAY_MS, maxBytes: 1e12, minFreeBytes: 1e9 },
    machine: seen,
    log: { info: (message) => void said.push(message), warn: (message) => void said.push(message) },
  });
  const ask = (repo: string, lease: string, other: Partial<HandOutRequest> = {}): Promise<MirrorReply> =>
    keeper.handOut({
      lease,
      worker: "bee-1",
      repo: `${world.server.url}/${repo}`,
      credential: { username: "x-access-token", password: TOKEN },
      proxy: null,
      broken: null,
      ...other,
    });
  return {
    keeper,
    folder,
    said,
    machine,
    ask,
    async get(repo, lease, other) {
      const reply = await ask(repo, lease, other);
      if (!reply.ok) throw new Error(`${reply.code}: ${reply.message}`);
      return join(folder, reply.folder);
    },
    again: () => startKeeper(world, more, folder),
  };
}
