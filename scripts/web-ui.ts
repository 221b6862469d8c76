// Builds the pages of the web UI into apps/web/dist, where the dispatcher finds them: before a start when something they
// are made of changed, or always with --always. A start without the tools to build them, as in an image, takes what is there.
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { programEnvironment, runProgram } from "./run-program.ts";

const root = resolve(import.meta.dirname, "..");
const dist = join(root, "apps/web/dist");
const stamp = join(dist, ".built-from");

/** Everything that the pages are made of. */
const SOURCES = [
  "package-lock.json",
  "apps/web/*.{ts,json,html}",
  "apps/web/public/**/*",
  "apps/web/src/**/*",
  "packages/protocol/src/**/*.ts",
];

/** Builds them if something changed since they were built. Gives whether it did. @throws when the build fails */
export async function buildWebUi({ always = false } = {}): Promise<boolean> {
  const sources = digestOfSources();
  if (!always && existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return false;
  // A program of its own: of a test's or a developer's NODE_ENV it would make pages for developers.
  const env = { ...programEnvironment(), NODE_ENV: "production" };
  const config = join(root, "apps/web/vite.config.ts");
  const ended = await runProgram("vite", ["build", "--config", config, "--logLevel", "warn"], { env });
  if (ended.code !== 0) throw new Error(`vite build: ${ended.why}`);
  writeFileSync(stamp, sources);
  return true;
}

function digestOfSources(): string {
  const hash = createHash("sha256");
  const files = globSync(SOURCES, { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    hash.update(`${path.slice(root.length)}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

if (import.meta.main) {
  try {
    const isNew = await buildWebUi({ always: process.argv.includes("--always") });
    if (isNew) console.log("The web UI was built.");
  } catch (error) {
    if (!existsSync(join(dist, "index.html"))) throw error;
    console.warn(`The web UI could not be built, the one of before is served: ${String(error)}`);
  }
}
