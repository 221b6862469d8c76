/** Who of several dispatchers is the queen, as they say themselves. */
import type { HiveProcess } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";

const ASK_MS = 1_000;

/** The one that says it is the queen now; null while none does. */
export async function findQueen(dispatchers: readonly HiveProcess[]): Promise<HiveProcess | null> {
  const found = await Promise.all(dispatchers.map(({ url }) => isQueen(url)));
  return dispatchers.find((_, n) => found[n] === true) ?? null;
}

/** Waits until one is the queen. @throws when none is after `limitMs` */
export function upAndReady(dispatchers: readonly HiveProcess[], limitMs: number): Promise<HiveProcess> {
  return until("a dispatcher to be the queen", () => findQueen(dispatchers), { limitMs });
}

async function isQueen(url: string): Promise<boolean> {
  try {
    const reply = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(ASK_MS) });
    const told = (await reply.json()) as { readonly role?: string };
    return reply.status === 200 && (told.role ?? "queen") === "queen";
  } catch {
    return false;
  }
}
