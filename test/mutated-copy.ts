/**
 * A copy of the sources in which one careless change at a time is made, to see that a test turns red by it. A change
 * whose text is no longer in the source fails loudly, so that it is renewed together with the code it is about.
 */
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Text that must be in the file exactly once, and what takes its place. */
export interface Edit {
  /** From the root of the checkout. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** How a program ended: its exit code (1 when a signal or the time limit ended it), and all it printed. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

export interface MutatedCopy extends AsyncDisposable {
  readonly root: string;
  /** Runs one of its programs with Node. Default of `limitMs`: 100,000. */
  run(program: string, args: readonly string[], limitMs?: number): Promise<Ran>;
  /** Makes the edits, calls `during`, and takes them back. @throws Error when a text to change is not there exactly once */
  with<T>(name: string, edits: readonly Edit[], during: () => Promise<T>): Promise<T>;
}

/** Characters kept of what a program prints. */
const MOST_OUTPUT = 2 ** 26;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Copies these folders and files to a temporary folder, over the same installed packages. */
export async function copyOf(parts: readonly string[]): Promise<MutatedCopy> {
  const root = await mkdtemp(join(tmpdir(), "hive-mutations-"));
  const left = /[\\/](node_modules|fixtures)([\\/]|$)|\.test\.ts$/;
  for (const part of parts) {
    // Tried on what lies below the checkout: the checkout itself may lie anywhere.
    const filter = (path: string): boolean => !left.test(`/${path.slice(ROOT.length)}`);
    await cp(join(ROOT, part), join(root, part), { recursive: true, filter });
  }
  const modules = join(root, "node_modules");
  await mkdir(join(modules, "@hive"), { recursive: true });
  for (const name of await readdir(join(ROOT, "node_modules"))) {
    if (name !== "@hive" && !name.startsWith(".")) await symlink(join(ROOT, "node_modules", name), join(modules, name));
  }
  for (const name of ["core", "protocol", "sdk"]) {
    await symlink(join(root, "packages", name), join(modules, "@hive", name));
  }
  if (!parts.includes("package.json"))
    await writeFile(join(root, "package.json"), '{ "type": "module", "private": true }\n');
  return {
    root,
    run: (program, args, limitMs = 100_000) =>
      new Promise((resolve, reject) => {
        // In a group of its own, so that what it started ends with it when it takes too long.
        const child = spawn(process.execPath, [join(root, program), ...args], { cwd: root, detached: true });
        let output = "";
        const keep = (text: string): void => {
          if (output.length < MOST_OUTPUT) output += text;
        };
        child.stdout.setEncoding("utf8").on("data", keep);
        child.stderr.setEncoding("utf8").on("data", keep);
        const end = (): void => endGroup(child.pid);
        const interrupted = (): void => {
          end();
          process.exit(1);
        };
        // A group of its own does not hear Ctrl-C.
        for (const signal of SIGNALS) process.once(signal, interrupted);
        const limit = setTimeout(end, limitMs);
        child.once("error", reject);
        child.once("close", (code) => {
          clearTimeout(limit);
          for (const signal of SIGNALS) process.off(signal, interrupted);
          resolve({ code: code ?? 1, output });
        });
      }),
    async with(name, edits, during) {
      const sources = new Map<string, string>();
      try {
        for (const { file, find, replace } of edits) {
          const path = join(root, file);
          const source = await readFile(path, "utf8");
          const found = source.split(find).length - 1;
          if (found !== 1)
            throw new Error(
              `the mutation "${name}" finds its text ${found} times in ${file}; write it anew for that code`,
            );
          if (!sources.has(path)) sources.set(path, source);
          await writeFile(
            path,
            source.replace(find, () => replace),
          );
        }
        return await during();
      } finally {
        for (const [path, source] of sources) await writeFile(path, source);
      }
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Ends a program together with all that it started, as far as that is in its process group. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ESRCH";
    if (!isGone) throw error;
  }
}
