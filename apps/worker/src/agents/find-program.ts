/** Finding an agent's program on a PATH and asking it for its version, without a shell and with a clean environment. */
import { constants } from "node:fs";
import { access, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { run } from "../process/run.ts";

const VERSION_TIMEOUT_MS = 20_000;

/** The first executable file of that name on the PATH, or undefined. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(":")) {
    if (!folder.startsWith("/")) continue; // a relative entry would mean the job's own folder
    const candidate = join(folder, name);
    const usable = await access(candidate, constants.X_OK).then(
      async () => (await stat(candidate)).isFile(),
      () => false,
    );
    if (usable) return candidate;
  }
  return undefined;
}

/**
 * A program's version: what its npm package says, where it comes from one (starting npm or an agent only to ask takes up
 * to a second of a new worker's time), else the first version number it prints when asked, by default with `--version`;
 * null if neither.
 */
export async function readVersion(
  program: string,
  path: string,
  { ask = "--version", timeoutMs = VERSION_TIMEOUT_MS }: { readonly ask?: string; readonly timeoutMs?: number } = {},
): Promise<string | null> {
  const packaged = await packagedVersion(program);
  if (packaged !== null) return packaged;
  let text = "";
  await run({
    argv: [program, ask],
    cwd: "/",
    env: { PATH: path, HOME: "/nonexistent" },
    timeoutMs,
    maxOutputBytes: 10_000,
    onOutput: (chunk, stream) => {
      if (stream === "stdout") text += Buffer.from(chunk).toString();
    },
  });
  return /\d+\.\d+[\w.-]*/.exec(text)?.[0] ?? null;
}

const manifest = z.object({ version: z.string(), bin: z.union([z.string(), z.record(z.string(), z.string())]) });

/** The version of the npm package whose own program this is, or null. */
async function packagedVersion(program: string): Promise<string | null> {
  const file = await realpath(program).catch(() => program);
  for (const folder of [dirname(file), dirname(dirname(file))]) {
    const text = await readFile(join(folder, "package.json"), "utf8").catch(() => null);
    const parsed = text === null ? null : manifest.safeParse(parseJson(text));
    if (parsed?.success !== true) continue;
    const { bin, version } = parsed.data;
    const programs = typeof bin === "string" ? [bin] : Object.values(bin);
    if (programs.some((path) => resolve(folder, path) === file)) return version;
  }
  return null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
