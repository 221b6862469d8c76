/** Follows the output of one container, line by line, through restarts of the engine, until the container ends. */

import type { Engine } from "./engine.ts";
import { connectionError, EngineError } from "./engine-error.ts";
import type { EngineHealth } from "./engine-health.ts";
import { createDemux } from "./demux.ts";
import { createLineReader, type LogLine } from "./log-lines.ts";

export interface ContainerLogOptions {
  readonly engine: Pick<Engine, "address" | "followLogs">;
  readonly health: EngineHealth;
  readonly containerId: string;
  /** Seconds since 1970 from which on lines are told. */
  readonly since: string;
  readonly signal: AbortSignal;
  readonly onLine: (text: string) => void;
}

/** Resolves when the container's output ended or `signal` says so. @throws what the engine said, other than being away */
export async function followLog(options: ContainerLogOptions): Promise<void> {
  const { engine, health, containerId, signal } = options;
  let newest = "";
  let toldUpTo = "";
  let since = options.since;
  const onLine = ({ at, text }: LogLine): void => {
    // Asked for a time again, the engine begins with the line of that time.
    if (at !== null && at <= toldUpTo) return;
    if (at !== null && at > newest) newest = at;
    options.onLine(text);
  };
  while (!signal.aborted) {
    const out = createLineReader(onLine);
    const err = createLineReader(onLine);
    const demux = createDemux((stream, piece) => (stream === "stdout" ? out : err).push(piece));
    try {
      const log = await engine.followLogs(containerId, since, signal);
      for await (const chunk of log as AsyncIterable<Buffer>) demux.push(chunk);
      out.end();
      err.end();
      return;
    } catch (error) {
      if (signal.aborted) return;
      // The connection was cut in the middle of the log, or could not be made.
      const failure = error instanceof Error && "code" in error ? connectionError(engine.address, true, error) : error;
      if (!(failure instanceof EngineError) || !failure.engineGone) throw failure;
      toldUpTo = newest;
      if (newest !== "") since = secondsOf(newest);
      health.lost(failure);
      await health.back(signal).catch(() => undefined);
    }
  }
}

/** The engine's time as the engine takes it: seconds since 1970 with nine digits after the point. */
export function secondsOf(time: string): string {
  const [whole, nanos] = time.slice(0, -1).split(".");
  return `${Date.parse(`${whole}Z`) / 1000}.${nanos ?? "0"}`;
}
