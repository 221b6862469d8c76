/** Tells the queue of workers that are certainly gone, so that their jobs need not wait for their leases to run out. */

import type { WorkerRecord } from "@hive/core";
import type { Queue } from "../queue/contract.ts";
import { isNameOf } from "./launches.ts";
import type { Exit, Provider, Running } from "./provider.ts";

/** How a worker ended, in words, and whether a job that had begun may be the cause. */
export function judgeExit(exit: Exit): { readonly message: string; readonly blame: boolean } {
  const { name, code, signal } = exit;
  if (exit.outOfMemory)
    return { message: `${name} was killed for using more memory than its pool allows`, blame: true };
  const how = signal !== null ? `was ended by ${signal}` : code === null ? "is gone" : `ended with code ${code}`;
  const whose = exit.outside && signal === null && code !== null ? ", stopped from outside" : "";
  return { message: `${name} ${how}${whose}`, blame: !exit.stopped && !exit.outside && code !== 0 };
}

/** The one line of a worker's last words that says what was wrong: the last that speaks of an error, else the last. */
export function complaint(lastWords: string): string {
  const lines = lastWords.split("\n").filter((line) => line.trim() !== "" && !/^\s+at /.test(line));
  return (lines.findLast((line) => /error|fatal|cannot/i.test(line)) ?? lines.at(-1) ?? "").trim();
}

/** Whatever worker registered under this name with this provider is gone. */
export async function tellGone(
  queue: Pick<Queue, "read" | "submit">,
  gone: { readonly name: string; readonly provider: string; readonly blame: boolean; readonly message: string },
): Promise<void> {
  const { name, provider, blame, message } = gone;
  const ids = await queue.read((state) =>
    [...state.workers.values()]
      .filter(({ record }) => record.name === name && record.provider === provider)
      .map(({ record }) => record.id),
  );
  for (const workerId of ids) await queue.submit<"workerGone">({ type: "workerGone", workerId, blame, message });
}

/** Workers of this provider that the store knows of an earlier life of this server, and that do not run any more. */
export async function tellFallen(
  queue: Pick<Queue, "read" | "submit">,
  provider: Provider,
  running: readonly Running[],
  dispatcher: string | null,
): Promise<void> {
  const alive = new Set(running.map(({ name }) => name));
  const fallen = await queue.read((state) =>
    [...state.workers.values()]
      .map(({ record }) => record)
      .filter((record) => isOurs(record, provider, dispatcher) && !alive.has(record.name)),
  );
  for (const { name } of fallen) {
    await tellGone(queue, { name, provider: provider.name, blame: false, message: `${name} ended with its server` });
  }
}

/**
 * Started by this dispatcher's fleet with this provider; another dispatcher's workers run where this one cannot look.
 * Servers before pools wrote no pool, but nobody else uses `process`.
 */
function isOurs({ name, provider, pool }: WorkerRecord, { name: own }: Provider, dispatcher: string | null): boolean {
  return provider === own && (pool !== null || own === "process") && isNameOf(dispatcher, name);
}
