import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AgentUser, Containment } from "./containment.ts";
import { containmentFor } from "./containment.ts";
import { processesOfUser } from "./kill-tree.ts";
import { killUser, type RunOptions, type RunResult, run } from "./run.ts";

const isRoot = process.getuid?.() === 0;
const strongest = await containmentFor(undefined);
// A user id that no other suite uses, so that "every process of the user" means ours alone.
const user: AgentUser = { uid: 27_000 + (process.pid % 1000), gid: 27_000, home: "/" };
const env = { PATH: "/usr/bin:/bin" };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-run-"));
});
afterAll(async () => {
  if (isRoot) await killUser(user);
  await rm(folder, { recursive: true, force: true });
});

interface Seen extends RunResult {
  text: string;
}

async function runShell(script: string, options: Partial<RunOptions> = {}): Promise<Seen> {
  const chunks: Uint8Array[] = [];
  const result = await run({
    argv: ["sh", "-c", script],
    cwd: "/",
    env,
    onOutput: (chunk) => {
      chunks.push(chunk);
    },
    ...options,
  });
  return { ...result, text: Buffer.concat(chunks).toString() };
}

/** Whether a process lives that has this very word in its command line. */
async function lives(word: string): Promise<boolean> {
  const { text } = await runShell('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"', { containment: "mark" });
  return text.split("\n").includes(word);
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`never happened: ${what}`);
    await pause(10);
  }
}

const modes: { name: Containment; options: Partial<RunOptions>; possible: boolean }[] = [
  { name: "pid_namespace", options: { containment: "pid_namespace" }, possible: strongest === "pid_namespace" },
  { name: "user", options: { containment: "user", user }, possible: isRoot },
  { name: "mark", options: { containment: "mark" }, possible: true },
];

for (const { name, options, possible } of modes) {
  describe.runIf(possible)(`a run held together by ${name}`, () => {
    test("exit codes come back as values, 137 included", async () => {
      expect(await runShell("exit 0", options)).toMatchObject({ exitCode: 0, signal: null, reason: "exited" });
      expect(await runShell("exit 3", options)).toMatchObject({ exitCode: 3, signal: null });
      expect(await runShell("exit 137", options)).toMatchObject({ exitCode: 137, signal: "SIGKILL", reason: "exited" });
    });

    test("a death by signal reads as a shell shows it", async () => {
      expect(await runShell("kill -KILL $$", options)).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
      expect(await runShell("kill -SEGV $$", options)).toMatchObject({ exitCode: 139, signal: "SIGSEGV" });
    });

    test("a program that does not exist is exit code 127", async () => {
      expect(await runShell("", { ...options, argv: ["no-such-program"] })).toMatchObject({ exitCode: 127 });
    });

    test("only the given environment arrives", async () => {
      const { text } = await runShell("env", { ...options, env: { ...env, WORD: "given" } });
      const names = text.split("\n").map((line) => line.split("=")[0] ?? "");
      expect(names).toContain("WORD");
      // A shell adds PWD and the like by itself; nothing else may be there.
      const allowed = ["PATH", "WORD", "PWD", "OLDPWD", "SHLVL", "_", "HIVE_RUN", ""];
      expect(names.filter((found) => !allowed.includes(found))).toEqual([]);
    });

    test("standard input is closed, or holds what was given", async () => {
      expect((await runShell("cat; echo end", options)).text).toBe("end\n");
      expect((await runShell("cat", { ...options, stdin: "some words" })).text).toBe("some words");
      expect(await runShell("exit 0", { ...options, stdin: "x".repeat(1_000_000) })).toMatchObject({ exitCode: 0 });
    });

    test("children that called setsid, nohup or closed their output die with the program", async () => {
      const word = `9${process.pid}${name.length}1`;
      const script = `setsid sleep ${word} & nohup sleep ${word} >/dev/null 2>&1 &
        (setsid sleep ${word} >/dev/null 2>&1 </dev/null &) ; sleep 0.05; echo left`;
      expect(await runShell(script, options)).toMatchObject({ exitCode: 0, text: "left\n", survivors: 0 });
      expect(await lives(word)).toBe(false);
    });

    test("a tree that ignores SIGTERM is killed all the same", async () => {
      const word = `9${process.pid}${name.length}2`;
      const stubborn = `trap "" TERM; echo up; while :; do sleep ${word}; done`;
      const abort = new AbortController();
      const result = await runShell(`setsid sh -c '${stubborn}' & ${stubborn}`, {
        ...options,
        signal: abort.signal,
        killGraceMs: 50,
        onOutput: () => abort.abort(),
      });
      expect(result).toMatchObject({ exitCode: 137, signal: "SIGKILL", reason: "aborted", survivors: 0 });
      expect(await lives(word)).toBe(false);
    });

    test("SIGTERM gives a program the time to say goodbye", async () => {
      const abort = new AbortController();
      const chunks: string[] = [];
      const result = await run({
        argv: ["sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done"],
        cwd: "/",
        env,
        ...options,
        signal: abort.signal,
        killGraceMs: 30_000,
        onOutput: (chunk, stream) => {
          if (stream === "stdout") chunks.push(Buffer.from(chunk).toString());
          abort.abort();
        },
      });
      expect(result).toMatchObject({ exitCode: 5, reason: "aborted" });
      expect(chunks.join("")).toBe("up\nbye\n");
    });

    test("a silent program ends by its idle time-out, a long one by its time-out", async () => {
      expect(await runShell("sleep 600", { ...options, idleTimeoutMs: 50 })).toMatchObject({ reason: "idle" });
      expect(await runShell("while :; do echo x; done", { ...options, timeoutMs: 50 })).toMatchObject({
        reason: "timeout",
        survivors: 0,
      });
    });

    test("output beyond its limit is cut with a marker and the tree is killed", async () => {
      const result = await runShell("yes", { ...options, maxOutputBytes: 10_000 });
      expect(result.reason).toBe("output_limit");
      expect(result.outputBytes).toBeGreaterThan(10_000);
      expect(result.text).toBe(`${"y\n".repeat(5_000)}\n[hive] output cut after 10000 bytes\n`);
    });
  });
}

test("200 MB of output pass a slow reader without growing the memory", async () => {
  let seen = 0;
  let largest = 0;
  const before = process.memoryUsage().rss;
  const result = await runShell("head -c 200000000 /dev/zero; head -c 1000 /dev/zero >&2", {
    onOutput: async (chunk) => {
      seen += chunk.byteLength;
      if (seen % 16 === 0) await new Promise(setImmediate);
      largest = Math.max(largest, process.memoryUsage().rss - before);
    },
  });
  expect(result).toMatchObject({ exitCode: 0, outputBytes: 200_001_000 });
  expect(seen).toBe(200_001_000);
  expect(largest).toBeLessThan(120_000_000);
});

test("a reader that holds output back does not make the program look silent", async () => {
  let held = false;
  const result = await runShell("echo one; sleep 0.01; echo two", {
    idleTimeoutMs: 500,
    onOutput: async () => {
      if (held) return;
      held = true;
      await pause(1_000); // longer than the idle time-out: the program itself was never silent
    },
  });
  expect(result).toMatchObject({ exitCode: 0, reason: "exited" });
});

test("nothing of a run is left in this process: no timer, no handle", async () => {
  const running = (): string[] => process.getActiveResourcesInfo().filter((name) => /Timeout|Pipe|Process/.test(name));
  const before = running().length;
  // Some output is still unread when the program ends.
  await runShell("head -c 150000 /dev/zero", {
    idleTimeoutMs: 600_000,
    timeoutMs: 600_000,
    onOutput: () => pause(100),
  });
  await until(() => running().length <= before, "all timers and handles are gone");
});

test("a run that was aborted before it began starts nothing", async () => {
  const marker = join(folder, "started");
  const result = await runShell(`touch ${marker}`, { signal: AbortSignal.abort() });
  expect(result).toMatchObject({ exitCode: null, reason: "aborted" });
  expect((await runShell(`test -e ${marker}`)).exitCode).toBe(1);
});

test("a working directory that is not there is a value with words", async () => {
  const result = await runShell("true", { cwd: join(folder, "nowhere") });
  expect(result.exitCode).toBe(127);
  expect(result.startError).toContain("nowhere");
});

test("an error of the reader ends the tree and is passed on", async () => {
  const failing = run({
    argv: ["sh", "-c", "echo x; sleep 600"],
    cwd: "/",
    env,
    onOutput: () => Promise.reject(new Error("disk full")),
  });
  await expect(failing).rejects.toThrow("disk full");
});

describe.runIf(strongest === "pid_namespace")("inside a namespace", () => {
  test("a daemon with a cleared environment and no descriptors dies too", async () => {
    const word = `9${process.pid}77`;
    await runShell(`(setsid env -i sleep ${word} >/dev/null 2>&1 </dev/null &); echo x`);
    expect(await lives(word)).toBe(false);
  });

  test("a supervisor killed outright takes its programs with it", async () => {
    const word = `9${process.pid}88`;
    const module = join(import.meta.dirname, "run.ts");
    const program = `import { run } from ${JSON.stringify(module)};
      await run({ argv: ["sh", "-c", "setsid sleep ${word} & echo up; sleep ${word}"], cwd: "/", env: { PATH: "/usr/bin:/bin" },
        onOutput: (bytes) => { process.stdout.write(bytes); } });`;
    const supervisor = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await new Promise((resolve) => supervisor.stdout.once("data", resolve));
      expect(await lives(word)).toBe(true);
    } finally {
      supervisor.kill("SIGKILL");
    }
    await until(async () => !(await lives(word)), "the programs of the killed supervisor died");
  });

  test("the program does not see the processes outside", async () => {
    const { text } = await runShell("ls -d /proc/[0-9]* | wc -l");
    expect(Number(text)).toBeLessThan(8);
  });
});

describe.runIf(isRoot)("as root with a user per slot", () => {
  test("the program has no capability and cannot gain any", async () => {
    const { text } = await runShell("id -u; id -G; grep -E '^(CapEff|CapPrm|NoNewPrivs)' /proc/self/status", { user });
    const nothing = "0".repeat(16);
    expect(text.split("\n").map((line) => line.replace(/\s+/g, " "))).toEqual(
      expect.arrayContaining([String(user.uid), String(user.gid), `CapEff: ${nothing}`, "NoNewPrivs: 1"]),
    );
  });

  test("limits hold", async () => {
    const { text } = await runShell("ulimit -n; ulimit -f", { user, limits: { openFiles: 77, fileBytes: 512 * 9 } });
    expect(text).toBe("77\n9\n");
  });

  test("killUser ends processes that fork as fast as they can, until none lives", async () => {
    const bomb = run({
      argv: ["sh", "-c", "for i in $(seq 30); do (while :; do /bin/true; done) & done; wait"],
      cwd: "/",
      env,
      user,
      containment: "mark",
    });
    await until(() => processesOfUser(user.uid).length > 20, "the bomb forked");
    expect(await killUser(user)).toBe(0);
    expect(processesOfUser(user.uid)).toEqual([]);
    await bomb;
  });

  test("killUser refuses root", async () => {
    await expect(killUser({ uid: 0, gid: 0 })).rejects.toThrow("not an agent's user");
  });

  test("two runs of one user do not fall with each other", async () => {
    const long = runShell("sleep 0.3; echo done", { user, containment: "user" });
    await until(() => processesOfUser(user.uid).length > 0, "the long run started");
    await runShell("true", { user, containment: "user" });
    expect((await long).text).toBe("done\n");
  });
});

test.runIf(!isRoot)("without root another user is refused as a value", async () => {
  const result = await runShell("true", { user });
  expect(result.exitCode).toBe(126);
  expect(result.startError).toContain("only root");
});
