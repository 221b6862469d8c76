// The programs outside npm that tests and measurements use, the Debian packages that hold them, and how to get them.
// On Debian as root the missing ones are listed and installed: a terminal is asked first, a build server is not.
// Elsewhere this says what to install. `node scripts/system-packages.ts bench` does the same for the measurements.
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { runProgram } from "./run-program.ts";

/** A program, the Debian package it comes in, what wants it and why. */
export interface SystemProgram {
  readonly program: string;
  readonly debian: string;
  readonly wantedBy: "test" | "bench";
  readonly why: string;
}

/** Everything Hive's tests and measurements start that npm does not install. */
export const systemPrograms: readonly SystemProgram[] = [
  { program: "git", debian: "git", wantedBy: "test", why: "clones, commits and pushes" },
  { program: "git-http-backend", debian: "git", wantedBy: "test", why: "a git host that asks for a password" },
  { program: "curl", debian: "curl", wantedBy: "test", why: "the calls of the README, word for word" },
  { program: "setpriv", debian: "util-linux", wantedBy: "test", why: "agents run as a user of their own" },
  { program: "unshare", debian: "util-linux", wantedBy: "test", why: "process trees that die as a whole" },
  { program: "ps", debian: "procps", wantedBy: "test", why: "proof that no process is left" },
  { program: "docker", debian: "docker.io", wantedBy: "test", why: "builds the images" },
  { program: "dockerd", debian: "docker.io", wantedBy: "test", why: "an engine of the container tests' own" },
  { program: "docker-init", debian: "docker.io", wantedBy: "test", why: "the first process of a container" },
  { program: "docker-compose", debian: "docker-compose", wantedBy: "test", why: "the quick start of the README" },
  { program: "iptables", debian: "iptables", wantedBy: "test", why: "the network of the tests' engine" },
  { program: "ip", debian: "iproute2", wantedBy: "test", why: "the network of the tests' engine" },
  { program: "debootstrap", debian: "debootstrap", wantedBy: "test", why: "the base image, without a registry" },
  { program: "redis-server", debian: "redis-server", wantedBy: "test", why: "the store that dispatchers share" },
  { program: "prometheus", debian: "prometheus", wantedBy: "test", why: "metrics that a source asks for" },
  {
    program: "prometheus-alertmanager",
    debian: "prometheus-alertmanager",
    wantedBy: "test",
    why: "alerts that a source is told",
  },
  { program: "chromium", debian: "chromium", wantedBy: "test", why: "the web UI as people see it" },
  { program: "logrotate", debian: "logrotate", wantedBy: "test", why: "rotates the logs that a source reads" },
  { program: "nginx", debian: "nginx", wantedBy: "test", why: "feeds, good and bad ones" },
  { program: "faketime", debian: "faketime", wantedBy: "test", why: "the nights of summer time, for a real server" },
  {
    program: "gcc",
    debian: "build-essential",
    wantedBy: "test",
    why: "power losses and clocks that jump, for real programs",
  },
  { program: "redis-server", debian: "redis-server", wantedBy: "bench", why: "BullMQ, which Hive is measured against" },
  { program: "wrk", debian: "wrk", wantedBy: "bench", why: "a hundred connections that put jobs in" },
];

/** The programs that cannot be found on this machine. */
export function missingPrograms(wantedBy: SystemProgram["wantedBy"]): SystemProgram[] {
  return systemPrograms.filter((entry) => entry.wantedBy === wantedBy && !isInstalled(entry.program));
}

/**
 * Makes sure the programs are there, installing what is missing where that is possible.
 * False when something is still missing; what to do has been printed then.
 */
export async function ensureSystemPackages(wantedBy: SystemProgram["wantedBy"]): Promise<boolean> {
  const missing = missingPrograms(wantedBy);
  if (missing.length === 0) return true;
  const packages = [...new Set(missing.map((entry) => entry.debian))];
  console.log("These programs are missing:");
  for (const entry of missing) console.log(`  ${entry.program} (Debian package ${entry.debian}): ${entry.why}`);

  const command = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  if (!existsSync("/etc/debian_version") || process.getuid?.() !== 0) {
    console.log(`Install them, on Debian and Ubuntu with:\n\n    sudo ${command}\n`);
    return false;
  }
  if (process.stdin.isTTY && process.env.CI !== "true" && !(await agreed(`Run "${command}" now? [Y/n] `))) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await runProgram("apt-get", ["update", "-qq"], { env });
  await runProgram("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env });
  const left = missingPrograms(wantedBy);
  for (const entry of left) console.log(`${entry.program} is still missing after the installation of ${entry.debian}.`);
  return left.length === 0;
}

function isInstalled(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter);
  if (program.startsWith("git-")) {
    try {
      folders.push(
        execFileSync("git", ["--exec-path"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim(),
      );
    } catch {
      return false; // Without git there is no place to look; git itself is reported by its own line.
    }
  }
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}

async function agreed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^(y|yes)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}

if (import.meta.main) {
  process.exitCode = (await ensureSystemPackages(process.argv[2] === "bench" ? "bench" : "test")) ? 0 : 1;
}
