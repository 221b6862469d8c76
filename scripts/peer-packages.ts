// The heavy npm packages that only tests and measurements use (other people's programs, mostly) live in folders with a
// package.json and a lock file of their own, so that `npm ci` in the checkout stays light. This installs such a folder
// when it was never installed or when its lock file changed. `node scripts/peer-packages.ts bench` installs one folder.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./checkout.ts";
import { programEnvironment, runProgram } from "./run-program.ts";

/** `bench`, `test/peers` and the folders in it, where they have a lock file of their own; relative to the checkout. */
export function peerFolders(): string[] {
  const top = "test/peers";
  const inside = existsSync(join(checkout, top)) ? readdirSync(join(checkout, top), { withFileTypes: true }) : [];
  const below = inside.filter((entry) => entry.isDirectory()).map((entry) => `${top}/${entry.name}`);
  return [top, ...below, "bench"].filter(hasLock);
}

/**
 * Installs a folder's packages into the folder when they are missing or older than its lock file.
 * False when npm failed; npm has said why then.
 */
export async function ensurePeerPackages(folder: string): Promise<boolean> {
  if (!hasLock(folder)) {
    console.log(`${folder} has no package-lock.json.`);
    return false;
  }
  if (isCurrent(folder)) return true;
  console.log(`Installing the packages of ${folder}`);
  const ended = await runProgram("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: join(checkout, folder),
    env: npmEnvironment(),
  });
  if (ended.code !== 0) {
    console.log(`npm ci in ${folder} failed: ${ended.why}`);
    return false;
  }
  writeFileSync(stampFile(folder), stamp(folder));
  return true;
}

function hasLock(folder: string): boolean {
  return existsSync(join(checkout, folder, "package-lock.json"));
}

function isCurrent(folder: string): boolean {
  return existsSync(stampFile(folder)) && readFileSync(stampFile(folder), "utf8") === stamp(folder);
}

function stampFile(folder: string): string {
  return join(checkout, folder, "node_modules", ".installed-from");
}

function stamp(folder: string): string {
  const lock = readFileSync(join(checkout, folder, "package-lock.json"));
  return `${createHash("sha256").update(lock).digest("hex")} ${process.platform}-${process.arch}\n`;
}

/** The environment without what `npm run` adds about this package: the npm started here is to look at another folder. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const own =
    /^(npm_(package|lifecycle)_.*|npm_config_(local_prefix|prefix|workspaces?|include_workspace_root)|INIT_CWD)$/i;
  return Object.fromEntries(Object.entries(programEnvironment()).filter(([name]) => !own.test(name)));
}

if (import.meta.main) {
  const folders = process.argv.length > 2 ? process.argv.slice(2) : peerFolders();
  for (const folder of folders) {
    if (!(await ensurePeerPackages(folder))) process.exitCode = 1;
  }
}
