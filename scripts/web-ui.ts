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
  "tsconfig.json",
  "apps/web/*.{ts,json,html}",
  "apps/web/public/**/*",
  "apps/web/src/**/*",
  "packages/protocol/src/**/*.ts",
];

/** Builds them if something changed since they were built. Gives whether it did. @throws when the build fails */
export async function buildWebUi({ always = false } = {}): Promise<boolean> {
  const sources = digestOfSources();
  if (!always && existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return false;
  await bundleWebUi(dist);
  writeFileSync(stamp, sources);
  return true;
}

/** Makes the pages anew in this folder, which it empties first. @throws when the build fails */
export async function bundleWebUi(folder: string): Promise<void> {
  // A program of its own: of a test's or a developer's NODE_ENV it would make pages for developers.
  const env = { ...programEnvironment(), NODE_ENV: "production" };
  const config = join(root, "apps/web/vite.config.ts");
  const args = ["build", "--config", config, "--outDir", folder, "--emptyOutDir", "--logLevel", "warn"];
  const ended = await runProgram("vite", args, { env });
  if (ended.code !== 0) throw new Error(`vite build: ${ended.why}`);
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
  const always = process.argv.includes("--always");
  try {
    if (await buildWebUi({ always })) console.log("The web UI was built.");
  } catch (error) {
    // A queue starts without its pages: who asks for them is told what to do.
    const left = existsSync(join(dist, "index.html")) ? "the one of before is served" : "there is none";
    console.warn(`The web UI could not be built, ${left}: ${error instanceof Error ? error.message : String(error)}`);
    if (always) process.exitCode = 1;
  }
}
