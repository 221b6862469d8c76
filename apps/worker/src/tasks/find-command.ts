/**
 * Which command the tasks `build`, `test` and `lint` run: the one the repository names in `.hive/config.yaml`, else
 * what its build files make plain. Only what is plain: a guess that runs the wrong thing is worse than `nothing_to_run`.
 */
import { fieldsOf, parseObject, textAt } from "../agents/json-line.ts";
import type { RepositoryConfig } from "./repository-config.ts";

/** The tasks that run a command of the repository. */
export type CommandTask = "build" | "test" | "lint";

/** Reads a file at the base commit; null where there is none. */
export type ReadBase = (path: string) => Promise<string | null>;

/** Shell lines and where they come from, or null when there is nothing to run. */
export async function findCommand(
  task: CommandTask,
  config: RepositoryConfig,
  read: ReadBase,
): Promise<{ readonly lines: readonly string[]; readonly from: string } | null> {
  const named = config[task];
  if (named) return { lines: named, from: ".hive/config.yaml" };
  for (const [file, detect] of DETECTORS) {
    const text = await read(file);
    const lines = text === null ? null : await detect(task, text, read, config);
    if (lines) return { lines, from: file };
  }
  return null;
}

type Detect = (
  task: CommandTask,
  text: string,
  read: ReadBase,
  config: RepositoryConfig,
) => Promise<string[] | null> | string[] | null;

const DETECTORS: readonly (readonly [string, Detect])[] = [
  ["package.json", detectNode],
  ["Makefile", detectMake],
  ["pyproject.toml", detectPython],
  ["go.mod", (task) => [{ build: "go build ./...", test: "go test ./...", lint: "go vet ./..." }[task]]],
  ["Cargo.toml", (task) => [{ build: "cargo build", test: "cargo test", lint: "cargo clippy -- -D warnings" }[task]]],
];

async function detectNode(
  task: CommandTask,
  text: string,
  read: ReadBase,
  config: RepositoryConfig,
): Promise<string[] | null> {
  const manifest = parseObject(text) ?? {};
  const script = textAt(fieldsOf(manifest["scripts"]), task);
  // What `npm init` writes is no test.
  if (script === null || /echo "Error: no test specified"/.test(script)) return null;
  const needs = ["dependencies", "devDependencies"].some((key) => Object.keys(fieldsOf(manifest[key])).length > 0);
  const manager = await nodeManager(read);
  // A repository that says how it is set up has done this already.
  const install = needs && config.setup === undefined ? [manager.install] : [];
  return [...install, `${manager.name} run ${task}`];
}

async function nodeManager(read: ReadBase): Promise<{ name: string; install: string }> {
  if ((await read("pnpm-lock.yaml")) !== null) return { name: "pnpm", install: "pnpm install --frozen-lockfile" };
  if ((await read("yarn.lock")) !== null) return { name: "yarn", install: "yarn install --immutable" };
  const locked = (await read("package-lock.json")) !== null;
  return { name: "npm", install: locked ? "npm ci" : "npm install --no-save" };
}

function detectMake(task: CommandTask, text: string): string[] | null {
  return new RegExp(`^${task}\\s*:(?!=)`, "m").test(text) ? [`make ${task}`] : null;
}

function detectPython(task: CommandTask, text: string): string[] | null {
  if (task === "test") return /pytest/.test(text) ? ["python3 -m pytest"] : null;
  if (task === "lint") return /^\[tool\.ruff/m.test(text) ? ["ruff check ."] : null;
  return /^\[build-system\]/m.test(text) ? ["python3 -m build"] : null;
}
