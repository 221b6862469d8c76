/** Passes on what workers write, as lines of this server's log with the worker's name. */

import type { Logger } from "pino";
import { z } from "zod";

const said = z.looseObject({ level: z.number(), msg: z.string() });

/** A line for people as a worker writes it: the time, the level unless it is the usual one, the words. */
const READABLE = /^\d\d:\d\d:\d\d (debug |WARN |ERROR |FATAL )?(.*)$/;
const LEVELS: Readonly<Record<string, number>> = { debug: 20, WARN: 40, ERROR: 50, FATAL: 60 };

/** A worker logs JSON or readable lines as this server does; what else appears there (a crash of Node) is passed on as it is. */
export function passOn(log: Logger, worker: string, line: string): void {
  const { level, msg, time: _, ...more } = readLine(line);
  const fields = { ...more, worker };
  if (level >= 50) log.error(fields, msg);
  else if (level >= 40) log.warn(fields, msg);
  else if (level >= 30) log.info(fields, msg);
  else log.debug(fields, msg);
}

function readLine(line: string): z.infer<typeof said> {
  try {
    const parsed = said.safeParse(JSON.parse(line));
    if (parsed.success) return parsed.data;
  } catch {
    // Plain text.
  }
  const [, level = "", words] = READABLE.exec(line) ?? [];
  if (words === undefined) return { level: 40, msg: line };
  return { level: LEVELS[level.trim()] ?? 30, msg: words };
}
