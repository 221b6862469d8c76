/** Finding an agent's program on a PATH and asking it for its version, without a shell and with a clean environment. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
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

/** The first version number a program prints for `--version`, or null. */
export async function readVersion(program: string, path: string): Promise<string | null> {
  let text = "";
  await run({
    argv: [program, "--version"],
    cwd: "/",
    env: { PATH: path, HOME: "/nonexistent" },
    timeoutMs: VERSION_TIMEOUT_MS,
    maxOutputBytes: 10_000,
    onOutput: (chunk, stream) => {
      if (stream === "stdout") text += Buffer.from(chunk).toString();
    },
  });
  return /\d+\.\d+[\w.-]*/.exec(text)?.[0] ?? null;
}
