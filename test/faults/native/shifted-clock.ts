/** The wall clock of a program, put forward and back while it runs (`clock-shift.c`). */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "./preload.ts";

export interface ShiftedClock extends Disposable {
  /** For the environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on the program's wall clock is this far from the machine's, in milliseconds. At first 0. */
  set(offsetMs: number): void;
}

/** A clock of its own for each program, or one that several share. */
export function openShiftedClock(): ShiftedClock {
  const preload = compile("clock-shift");
  const path = join(preload.folder, "offset");
  const set = (offsetMs: number): void => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(offsetMs)));
    // In place: the program has this file mapped.
    writeFileSync(path, bytes, { flag: "r+" });
  };
  writeFileSync(path, Buffer.alloc(8), { mode: 0o644 });
  return {
    env: { LD_PRELOAD: preload.library, SHIFTED_BY: path },
    set,
    [Symbol.dispose]: () => preload[Symbol.dispose](),
  };
}
