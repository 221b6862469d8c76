/** Hive as a newcomer starts it: a clean clone of this checkout's last commit, and docker-compose in it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHive, type HiveClient } from "@hive/sdk";
import { checkout } from "../../scripts/checkout.ts";
import { plainEnvironment } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { engineJson } from "./engine/engine-api.ts";
import type { TestEngine } from "./global-setup.ts";

/** What the tests read of a container. */
export interface Container {
  readonly Image: string;
  readonly State: { readonly Status: string; readonly Health?: { readonly Status: string } };
  readonly RestartCount: number;
  readonly Config: { readonly Env: readonly string[] };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly { readonly Type: string; readonly Destination: string; readonly RW: boolean }[];
}

/** Which of the compose files, and what it calls its dispatchers. */
export interface ComposeFile {
  readonly file: string;
  /** Containers' names; the first publishes port 8099, each next one the next port. */
  readonly dispatchers: readonly [string, ...string[]];
}

const QUICK_START: ComposeFile = { file: "compose.yaml", dispatchers: ["hive-dispatcher"] };

/** A clone with compose. */
export interface ComposeHive {
  readonly folder: string;
  /** Of the first dispatcher. */
  readonly url: string;
  /** Runs docker-compose in the clone; `env` stands for what a person exported, and stays for later calls. */
  compose(args: readonly string[], env?: Readonly<Record<string, string>>): void;
  /** Runs a line of shell in the clone. */
  shell(line: string): string;
  /** Runs docker; answers what it printed on both outputs. */
  docker(...args: string[]): string;
  inspect(name: string): Promise<Container>;
  /** Waits until dispatcher `n`, from 0, answers and counts this many workers. Default: the first one. */
  ready(workers: number, n?: number): Promise<void>;
  /** A client of dispatcher `n`, default the first, with the token that the README's line gets of it. */
  hive(n?: number): HiveClient;
  /** Removes containers, volumes, images of compose and the clone. */
  dispose(): void;
}

/** Clones the checkout. Nothing is started yet. */
export function cloneForCompose(engine: TestEngine, { file, dispatchers } = QUICK_START): ComposeHive {
  const folder = mkdtempSync(join(tmpdir(), "hive-clone-"));
  execFileSync("git", ["clone", "--quiet", checkout, folder]);
  const env: Record<string, string> = {
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_BUILDKIT: "0",
    HOME: folder,
    COMPOSE_FILE: file,
    // Published where the test can reach it, which is not this machine's loopback.
    HIVE_BIND: engine.engineAddress,
  };
  const urlOf = (n: number): string => `http://${engine.engineAddress}:${8099 + n}`;
  const run = (program: string, args: readonly string[]): string =>
    execFileSync(program, args, { cwd: folder, env: plainEnvironment(env), encoding: "utf8", stdio: "pipe" });
  const shell = (line: string): string => run("sh", ["-c", line]);
  const docker = (...args: string[]): string => shell(`${["docker", ...args].map(quote).join(" ")} 2>&1`);
  const compose = (args: readonly string[], more: Readonly<Record<string, string>> = {}): void => {
    Object.assign(env, more);
    run("docker-compose", args);
  };
  const token = (n: number): string => docker("exec", dispatchers[n] ?? "", "hive", "token").trim();
  const logs = (): string => {
    const names = docker("ps", "--all", "--filter", "name=hive-", "--format", "{{.Names}}").trim().split("\n");
    return names.map((name) => `--- ${name}\n${docker("logs", "--tail", "60", name)}`).join("\n");
  };
  return {
    folder,
    url: urlOf(0),
    compose,
    shell,
    docker,
    inspect: (name) => engineJson<Container>(engine.socket, "GET", `/containers/${name}/json`),
    ready: async (workers, n = 0) => {
      let last = "";
      const come = async (): Promise<boolean> => {
        const reply = await fetch(`${urlOf(n)}/health`).catch((error: unknown) => String(error));
        last = typeof reply === "string" ? reply : await reply.text();
        if (typeof reply === "string" || !reply.ok) return false;
        return (JSON.parse(last) as { workers: { total: number } }).workers.total === workers;
      };
      await until(`${workers} workers`, come, { limitMs: 90_000, more: () => `${last}\n${logs()}` });
    },
    hive: (n = 0) => createHive({ url: urlOf(n), token: token(n) }),
    dispose: () => {
      try {
        compose(["down", "--volumes", "--remove-orphans", "--timeout", "1"], { COMPOSE_PROFILES: "workers-10" });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
