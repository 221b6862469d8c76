/** Compiles the C libraries of this folder with gcc, for programs that are started with `LD_PRELOAD`. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A library in a temporary folder. */
export interface Preload extends Disposable {
  /** For `LD_PRELOAD`. */
  readonly library: string;
  /** The folder of the library, where what belongs to it may be put too. Goes with it. */
  readonly folder: string;
}

/** Compiles `name`.c. @throws with what gcc says when it cannot */
export function compile(name: "disk-recorder" | "clock-shift"): Preload {
  const folder = mkdtempSync(join(tmpdir(), `hive-${name}-`));
  // Programs that run as other users load it too.
  chmodSync(folder, 0o755);
  const library = join(folder, `${name}.so`);
  const source = join(import.meta.dirname, `${name}.c`);
  try {
    execFileSync(
      "gcc",
      ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl", "-lpthread"],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`gcc cannot compile ${source}; on Debian: apt-get install gcc libc6-dev`, { cause: error });
  }
  return { library, folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
