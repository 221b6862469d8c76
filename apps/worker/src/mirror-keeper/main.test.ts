/** The keeper as a program: lines in, lines out, one at a time for a folder, gone with who started it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { KeeperRequest } from "@hive/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type GitWorld, startGitWorld, TOKEN } from "../git/git-fixture.ts";

const PROGRAM = fileURLToPath(new URL("main.ts", import.meta.url));
let world: GitWorld;
const started: ChildProcess[] = [];
beforeAll(async () => {
  world = await startGitWorld();
});
afterEach(async () => {
  world.server.intercept = null;
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
afterAll(() => world.stop());

interface Program {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** The next line it writes; null when it has ended. */
  readonly next: () => Promise<unknown>;
  readonly tell: (line: object) => void;
  readonly said: () => string;
  /** Resolves when its log has this text. */
  readonly says: (text: string) => Promise<void>;
}

function start(settings: object): Program {
  const child = spawn(process.execPath, [PROGRAM], { env: {}, stdio: ["pipe", "pipe", "pipe"] });
  started.push(child);
  let said = "";
  const listeners = new Set<() => void>();
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    for (const listener of listeners) listener();
  });
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const tell = (line: object): void => void child.stdin.write(`${JSON.stringify(line)}\n`);
  tell(settings);
  return {
    child,
    tell,
    said: () => said,
    says: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (said.includes(text)) resolve();
        };
        listeners.add(look);
        look();
      }),
    exited: once(child, "exit").then(([code]) => code as number | null),
    next: async () => {
      const line = await lines.next();
      return line.done === true ? null : (JSON.parse(line.value) as unknown);
    },
  };
}

function settingsFor(folder: string): object {
  const path = process.env["PATH"] ?? "";
  return { folder, path, allowFileRepos: false, keepMs: 1e12, maxBytes: 1e15, minFreeBytes: 0 };
}

function handOut(repo: string, id: number): KeeperRequest {
  const credential = { username: "x-access-token", password: TOKEN };
  const at = `${world.server.url}/${repo}`;
  return { do: "handOut", id, lease: `job-${id}:1`, worker: "bee", repo: at, credential, proxy: null, broken: null };
}

describe("the mirror keeper's program", () => {
  it("answers each line by its id, and goes when its input closes", async () => {
    const repo = await world.makeRepo("lines.git");
    const keeper = start(settingsFor(world.newFolder("program")));
    expect(await keeper.next()).toEqual({ ready: true });
    keeper.tell(handOut(repo, 7));
    expect(await keeper.next()).toMatchObject({ id: 7, mirror: { ok: true } });
    keeper.tell({ do: "list", id: 8 });
    expect(await keeper.next()).toEqual({ id: 8, leases: ["job-7:1"] });
    keeper.tell({ do: "release", id: 9, lease: "job-7:1" });
    expect(await keeper.next()).toEqual({ id: 9, released: true });
    keeper.tell({ do: "something else", id: 10 });
    keeper.tell({ do: "list", id: 11 });
    expect(await keeper.next()).toEqual({ id: 11, leases: [] });
    keeper.child.stdin?.end();
    expect(await keeper.exited).toBe(0);
    expect(keeper.said()).toContain("no request");
  });

  it("shows its credential to nobody who lists processes", async () => {
    const repo = await world.makeRepo("argv.git");
    const keeper = start(settingsFor(world.newFolder("program")));
    await keeper.next();
    const seen = new Promise<string>((resolve) => {
      world.server.intercept = () => {
        resolve(argumentsOf());
        return null;
      };
    });
    keeper.tell(handOut(repo, 1));
    const listed = await seen;
    expect(listed).toContain("ls-remote");
    expect(listed).not.toContain(TOKEN);
    await keeper.next();
  });

  it("ends a clone it is in, with its input", async () => {
    const repo = await world.makeRepo("ended.git");
    const folder = world.newFolder("program");
    const keeper = start(settingsFor(folder));
    await keeper.next();
    const fetching = new Promise<void>((resolve) => {
      world.server.intercept = ({ method, path }) => {
        const posts = world.server.requests.filter((one) => one.method === "POST" && one.path === path).length;
        if (method !== "POST" || posts < 2) return null;
        resolve();
        return "hang";
      };
    });
    keeper.tell(handOut(repo, 1));
    await fetching;
    keeper.child.stdin?.end();
    expect(await keeper.exited).toBe(0);
    expect(argumentsOf()).not.toContain(folder);
    expect(readdirSync(join(folder, "mirrors")).filter((name) => name.includes(".new-"))).toEqual([]);
    expect(readdirSync(join(folder, "leases"))).toEqual([]);
  });

  it("waits for an older one of the same folder to end", async () => {
    const folder = world.newFolder("program");
    const older = start(settingsFor(folder));
    await older.next();
    const newer = start(settingsFor(folder));
    let ready = false;
    const line = newer.next().then((said) => {
      ready = true;
      return said;
    });
    await newer.says("waiting for an older");
    expect(ready).toBe(false);
    older.tell({ do: "list", id: 1 });
    expect(await older.next()).toEqual({ id: 1, leases: [] });
    older.child.stdin?.end();
    await older.exited;
    expect(await line).toEqual({ ready: true });
  });

  it("says by name what is wrong with its settings, and shows no value", async () => {
    const keeper = start({ ...settingsFor("/tmp/secret-place"), keepMs: "soon" });
    expect(await keeper.exited).toBe(1);
    expect(keeper.said()).toContain("keepMs: invalid_type");
    expect(keeper.said()).not.toContain("secret-place");
  });
});

/** The command lines and working folders of all processes, as `ps` would see them. */
function argumentsOf(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .join("\n");
}

function commandLine(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")} in ${readlinkSync(`/proc/${pid}/cwd`)}`;
  } catch {
    // It ended while we looked.
    return "";
  }
}
