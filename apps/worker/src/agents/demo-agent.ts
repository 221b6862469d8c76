/**
 * The demo agent itself, a program of its own: reads `{ prompt, instructions }` from standard input, really edits the
 * repository it stands in, and prints one JSON event a line. It imports nothing of Hive, as any agent.
 *
 * By default it reads the instructions for what to write: a quick start where they speak of a README, else the file
 * they name, else `hive-demo.md`; for an analysis, `report.md`. Words in the instructions make it misbehave:
 *
 * | word               | what it does |
 * |--------------------|--------------|
 * | `demo:fail`        | changes nothing and ends with an error of its own |
 * | `demo:nothing`     | changes nothing and ends well |
 * | `demo:exit=N`      | ends with exit code N and without a result (137 looks like "out of memory") |
 * | `demo:hang`        | says nothing more, never ends and ignores SIGTERM |
 * | `demo:sleep=MS`    | works for so many milliseconds, then goes on |
 * | `demo:flood=BYTES` | prints so many bytes, then goes on |
 * | `demo:children`    | leaves children behind that have left its process group and session, then goes on |
 * | `demo:secret-hunt` | looks for credentials wherever an agent can look and prints what it finds, then goes on |
 */

/* oxlint-disable node/no-process-env -- not part of the worker: to an agent the environment is its input, and what it hunts through */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const FLOOD_LINE = `${"flood ".repeat(166)}\n`;
const CHILDREN = 3;
let calls = 0;

function emit(event: Record<string, unknown>): void {
  writeAll(`${JSON.stringify(event)}\n`);
}

// Synchronous, so that nothing is lost however the program ends; a full pipe is waited for.
function writeAll(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function say(text: string): void {
  emit({ type: "message", text });
}

function directive(instructions: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)demo:${name}(?:=(\\S+))?(?=\\s|$)`).exec(instructions);
  return found ? (found[1] ?? "") : undefined;
}

async function main(): Promise<void> {
  const { instructions, prompt } = readInput();
  emit({ type: "start", version: "1", model: "scripted" });
  say(`Reading the instructions (${instructions.length} characters).`);
  const exit = directive(instructions, "exit");
  if (exit !== undefined) process.exit(Number(exit));
  if (directive(instructions, "hang") !== undefined) return hang();
  const sleep = directive(instructions, "sleep");
  if (sleep !== undefined) await work(Number(sleep));
  const flood = directive(instructions, "flood");
  if (flood !== undefined) pour(Number(flood));
  if (directive(instructions, "children") !== undefined) leaveChildren();
  if (directive(instructions, "secret-hunt") !== undefined) huntSecrets();
  if (directive(instructions, "fail") !== undefined) {
    emit({ type: "result", ok: false, text: "The instructions asked the demo agent to fail.", usage: usage(prompt) });
    process.exitCode = 1;
    return;
  }
  const done = directive(instructions, "nothing") === undefined ? await edit(instructions, prompt) : "Nothing to do.";
  emit({ type: "result", ok: true, text: done, usage: usage(prompt) });
}

function readInput(): { instructions: string; prompt: string } {
  const input: unknown = JSON.parse(readFileSync(0, "utf8"));
  const text = (key: string): string => {
    const value: unknown = typeof input === "object" && input !== null ? Reflect.get(input, key) : undefined;
    return typeof value === "string" ? value : "";
  };
  return { instructions: text("instructions"), prompt: text("prompt") };
}

async function edit(instructions: string, prompt: string): Promise<string> {
  const output = process.env["HIVE_OUTPUT"];
  if (output && prompt.includes(join(output, "report.md"))) return report(output, instructions);
  const job = process.env["HIVE_JOB_ID"] ?? "a job";
  if (/readme|quick\s*start/i.test(instructions)) {
    const section = `\n## Quick start\n\nWritten by Hive's demo agent for ${job}.\n\n    git clone <this repository>\n`;
    return change("README.md", existsSync("README.md") ? section : `# Read me\n${section}`);
  }
  const named = /(?:^|[\s`'"(])((?:[\w-]+\/)*[\w.-]*\w\.[a-z][a-z0-9]{0,4})(?=[\s`'").,:;!?]|$)/i.exec(
    instructions,
  )?.[1];
  const path = normalize(named ?? "hive-demo.md");
  const inside = !path.startsWith("..") && !path.startsWith("/") && !path.startsWith(".git/");
  return change(inside ? path : "hive-demo.md", `Written by Hive's demo agent for ${job}:\n${instructions.trim()}\n`);
}

async function change(path: string, text: string): Promise<string> {
  const created = !existsSync(path);
  calls += 1;
  const id = `call-${calls}`;
  emit({ type: "tool_call", id, tool: created ? "Write" : "Edit", text: path });
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, text);
  emit({ type: "tool_result", id, ok: true, text: `${(await readFile(path)).length} bytes` });
  emit({ type: "file_change", text: path, change: created ? "create" : "update" });
  return `${created ? "Created" : "Extended"} ${path}.`;
}

async function report(output: string, instructions: string): Promise<string> {
  const verdict = directive(instructions, "verdict") ?? "pass";
  const files = readdirSync(".").filter((name) => name !== ".git");
  const lines = [`Verdict: ${verdict}`, "", "# Report", "", `The repository has ${files.length} entries at its top:`];
  await writeFile(join(output, "report.md"), `${[...lines, ...files.map((name) => `- ${name}`)].join("\n")}\n`);
  return `Looked at ${files.length} entries: ${verdict}.`;
}

function hang(): void {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  setInterval(() => {}, 1_000_000);
}

async function work(ms: number): Promise<void> {
  const until = performance.now() + ms;
  const step = Math.max(50, Math.min(1_000, ms / 10));
  for (let left = ms; left > 0; left = until - performance.now()) {
    await pause(Math.min(step, left));
    say(`Working, ${Math.max(0, Math.ceil(until - performance.now()))} ms left.`);
  }
}

function pour(bytes: number): void {
  for (let left = bytes; left > 0; left -= FLOOD_LINE.length) writeAll(FLOOD_LINE.slice(-left));
}

function leaveChildren(): void {
  const script = "setInterval(() => {}, 1_000_000); for (const s of ['SIGTERM', 'SIGHUP']) process.on(s, () => {});";
  for (let index = 0; index < CHILDREN; index += 1) {
    // detached means setsid; the second one also loses its environment.
    const child = spawn(process.execPath, ["-e", script], {
      detached: true,
      stdio: "ignore",
      ...(index === 1 ? { env: {} } : {}),
    });
    child.unref();
    say(`Left child ${child.pid} behind.`);
  }
}

/** Everything an agent could try without tools: its own world first, then everybody else's. */
function huntSecrets(): void {
  const home = process.env["HOME"] ?? "/";
  const places = [
    ".git/config",
    ".git/FETCH_HEAD",
    join(home, ".git-credentials"),
    join(home, ".netrc"),
    join(home, ".config/gh/hosts.yml"),
    "/proc/1/environ",
    ...readdirSync("/proc")
      .filter((name) => /^[0-9]+$/.test(name))
      .flatMap((pid) => [`/proc/${pid}/environ`, `/proc/${pid}/cmdline`]),
    "/etc/shadow",
    "/var/run/docker.sock",
  ];
  let readable = 0;
  for (const place of places) {
    try {
      const text = readFileSync(place, "latin1").replaceAll("\0", "\n");
      readable += 1;
      say(`hunt ${place}: ${text}`);
    } catch {
      // Closed to us: good.
    }
  }
  say(`hunt env: ${JSON.stringify(process.env)}`);
  say(`hunt: ${readable} of ${places.length} places could be read`);
}

// A scripted agent uses no model; a rough count keeps the numbers in the table from looking broken.
function usage(prompt: string): Record<string, number> {
  return { inputTokens: Math.ceil(prompt.length / 4), outputTokens: 40 + calls * 20 };
}

await main();
