/** What machine the figures come from: without it a number means nothing. */
import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem, type } from "node:os";

/** The facts that belong to every figure. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  readonly git: string;
  /** The mean number of running processes over the last minute before the run: above 0.5 the machine was not quiet. */
  readonly loadBefore: number;
}

/** Reads them. @throws when Redis or git is missing */
export function readMachine(): Machine {
  const all = cpus();
  return {
    cores: all.length,
    processor: all[0]?.model.trim() ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    redis: /v=(\S+)/.exec(ask("redis-server", "--version"))?.[1] ?? "unknown",
    git: ask("git", "--version").replace("git version ", "").trim(),
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

function ask(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}
