/** A server that hands out mirrors: with a real keeper and a real git host, or with a keeper the test plays itself. */

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MirrorReply } from "@hive/protocol";
import { type GitHttpServer, startGitHttpServer } from "../../../../test/peers/git-http-server.ts";
import { systemClock } from "../clock.ts";
import { startServer, type TestServer, type TestServerOptions } from "../http/server.fixture.ts";
import { createMirrorKeeper, type HandOutRequest, type MirrorKeeper } from "./keeper-process.ts";
import { type Mirrors, startMirrors } from "./mirrors.ts";

export const TOKEN = "ghp_mirror0Canary1Token2For3Hive4Tests56";

export interface MirrorWorld {
  readonly server: TestServer;
  readonly git: GitHttpServer;
  /** The keeper's folder. */
  readonly folder: string;
  /** Leases that were released, each once it is done. */
  readonly released: string[];
  /** Resolves when this lease was released. */
  releaseOf(lease: string): Promise<void>;
  /** A repository on the host; answers its address. */
  makeRepo(name: string): string;
  /** Asks in the name of a lease. */
  ask(token: string, json?: object, signal?: AbortSignal): Promise<Response>;
  /** The same, for one that must be given; answers the absolute folder. */
  get(token: string): Promise<string>;
  /** Ends the mirrors and their keeper, and starts them again on the same folder, as a new start of the server does. */
  restartMirrors(): Promise<void>;
  /** SIGKILL for the keeper's process. */
  killKeeper(): void;
  close(): Promise<void>;
}

/** What a test plays in place of a keeper. */
export interface PlayedKeeper {
  readonly asked: HandOutRequest[];
  answer: (request: HandOutRequest) => Promise<MirrorReply>;
}

/** Starts everything; close it in `afterEach`. */
export async function startMirrorWorld(
  options: {
    readonly played?: PlayedKeeper;
    /** What its connections go through. */
    readonly proxy?: () => string;
    readonly waitMs?: number;
    readonly rules?: TestServerOptions["rules"];
  } = {},
): Promise<MirrorWorld> {
  const place = mkdtempSync(join(tmpdir(), "hive-mirrors-"));
  chmodSync(place, 0o711);
  const folder = join(place, "mirrors");
  const served = join(place, "served");
  mkdirSync(served);
  const git = await startGitHttpServer({ dir: served, users: { "x-access-token": { password: TOKEN } } });
  const released: string[] = [];
  const waiting = new Map<string, () => void>();

  const realKeeper = (): MirrorKeeper =>
    createMirrorKeeper({
      settings: {
        folder,
        path: process.env["PATH"] ?? "",
        allowFileRepos: false,
        keepMs: 1e12,
        maxBytes: 1e15,
        minFreeBytes: 0,
      },
      proxy: () => Promise.resolve(options.proxy?.() ?? null),
      clock: { mono: systemClock.mono, after: (ms, run) => systemClock.after(Math.min(ms, 20), run) },
      log: { info: () => undefined, warn: () => undefined },
    });
  const openKeeper = (): MirrorKeeper => {
    const keeper = options.played === undefined ? realKeeper() : playedKeeper(options.played);
    return {
      ...keeper,
      async release(lease) {
        const done = await keeper.release(lease);
        released.push(lease);
        waiting.get(lease)?.();
        return done;
      },
    };
  };
  const start = (parts: Pick<TestServer["parts"], "queue" | "clock" | "log">): Mirrors =>
    startMirrors({
      keeper: openKeeper(),
      queue: parts.queue,
      clock: parts.clock,
      log: parts.log,
      wasUsed: () => existsSync(join(folder, "leases")),
      ...(options.waitMs === undefined ? {} : { waitMs: options.waitMs }),
    });

  let mirrors: Mirrors | null = null;
  const server = await startServer({
    ...(options.rules === undefined ? {} : { rules: options.rules }),
    change: (parts) => {
      mirrors = start(parts);
      const current: Mirrors = {
        handOut: (ask, closed) => (mirrors as Mirrors).handOut(ask, closed),
        stop: async () => mirrors?.stop(),
      };
      const policy = { ...parts.policy, repoRules: { allowFile: false, allowPlainHttp: () => true } };
      return { ...parts, policy, mirrors: current };
    },
  });
  const ask = (token: string, json: object = {}, signal?: AbortSignal): Promise<Response> =>
    server.send("POST", "/v1/worker/mirror", { token, json, ...(signal === undefined ? {} : { signal }) });

  return {
    server,
    git,
    folder,
    released,
    ask,
    releaseOf: (lease) =>
      released.includes(lease) ? Promise.resolve() : new Promise((resolve) => waiting.set(lease, resolve)),
    makeRepo(name) {
      const run = (cwd: string, ...args: string[]) => execFileSync("git", args, { cwd, stdio: "ignore" });
      const work = mkdtempSync(join(place, "work-"));
      run(work, "init", "-q", "-b", "main");
      writeFileSync(join(work, "README.md"), "hello\n");
      run(work, "add", "-A");
      run(work, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "first");
      run(served, "clone", "-q", "--bare", work, name);
      return `${git.url}/${name}`;
    },
    async get(token) {
      const reply = (await (await ask(token)).json()) as MirrorReply;
      if (!reply.ok) throw new Error(`${reply.code}: ${reply.message}`);
      return join(folder, reply.folder);
    },
    async restartMirrors() {
      await mirrors?.stop();
      mirrors = start(server.parts);
    },
    killKeeper() {
      const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
      const keepers = children.filter((pid) =>
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("mirror-keeper/main.ts"),
      );
      if (keepers.length !== 1) throw new Error(`${keepers.length} keepers run`);
      for (const pid of keepers) process.kill(Number(pid), "SIGKILL");
    },
    async close() {
      await server.close();
      await mirrors?.stop();
      await git.stop();
      rmSync(place, { recursive: true, force: true });
    },
  };
}

function playedKeeper(played: PlayedKeeper): MirrorKeeper {
  const held = new Set<string>();
  return {
    handOut(request) {
      played.asked.push(request);
      held.add(request.lease);
      return played.answer(request);
    },
    release(lease) {
      held.delete(lease);
      return Promise.resolve(true);
    },
    leases: () => Promise.resolve([...held]),
    rest: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
}
