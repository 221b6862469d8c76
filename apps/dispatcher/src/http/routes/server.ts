/** What the server says of itself: health, counts, metrics, its API. */

import { HiveError, type State } from "@hive/core";
import { healthSchema } from "@hive/protocol";
import { FORWARDED } from "../../leader/hand-on.ts";
import type { Handlers } from "../handler.ts";
import { docsPage } from "../docs-page.ts";
import { openApi } from "../openapi.ts";
import type { Parts } from "../parts.ts";

type ServerHandlers = Pick<Handlers, "health" | "ready" | "stats" | "metrics" | "openapi" | "docs">;

type QueueCounts = { held: number; blocked: number; scheduled: number; queued: number; running: number };
const NO_COUNTS: QueueCounts = { held: 0, blocked: 0, scheduled: 0, queued: 0, running: 0 };

/** Milliseconds a standby waits for what the queen says of her health. */
const QUEEN_MS = 1_000;
/** Milliseconds the queue may take to answer before this server says that its store does not. */
const ANSWER_MS = 1_000;

interface Look {
  readonly queue: QueueCounts;
  readonly workers: { readonly total: number; readonly free: number; readonly busy: number };
}

function lookAt(state: State): Look {
  let busy = 0;
  for (const worker of state.workers.values()) if (worker.jobId !== null) busy += 1;
  const total = state.workers.size;
  return { queue: { ...state.counts }, workers: { total, free: total - busy, busy } };
}

/** The queen's answer to a standby, null when there is none in time. Marked: whoever is no queen does not ask on. */
async function askQueen(url: string): Promise<Response | null> {
  const signal = AbortSignal.timeout(QUEEN_MS);
  return fetch(url, { headers: { [FORWARDED]: "1" }, redirect: "error", signal }).catch(() => null);
}

/** What a standby says of the queue is what the queen says; null when she does not answer in time. */
async function lookAtQueen(url: string): Promise<Look | null> {
  try {
    const { ok, queue, workers } = healthSchema.parse(await (await askQueen(`${url}/health`))?.json());
    return ok ? { queue, workers } : null;
  } catch {
    return null;
  }
}

async function isQueenReady(url: string): Promise<boolean> {
  const reply = await askQueen(`${url}/health/ready`);
  await reply?.body?.cancel().catch(() => undefined);
  return reply?.status === 200;
}

export function serverHandlers(parts: Parts): ServerHandlers {
  const { queue, metrics } = parts;
  const since = parts.clock.wall();
  const api = openApi(parts.version);
  const page = docsPage(parts.version, parts.publicUrl);

  /** Must answer while the store does not: null then. */
  async function look(): Promise<Look | null> {
    if (!queue.readiness().ready) return null;
    return new Promise((resolve) => {
      const cancel = parts.clock.after(ANSWER_MS, () => resolve(null));
      const seen = queue.read(lookAt).catch(() => null);
      void seen.then(resolve).finally(cancel);
    });
  }

  async function oldestQueuedAt(): Promise<number | null> {
    const page = await queue.documents.list({
      collection: "jobs",
      index: "status",
      equals: { status: "queued" },
      limit: 1,
    });
    const at = page.items[0]?.doc["createdAt"];
    return typeof at === "number" ? at : null;
  }

  return {
    async health({ headers }) {
      const readiness = queue.readiness();
      // A queen that is asked by a standby is the last to be asked: two that take each other for her would never end.
      const { queen } = readiness.ready ? { queen: null } : readiness;
      const seen = queen !== null && headers[FORWARDED] === undefined ? await lookAtQueen(queen.url) : await look();
      return {
        ok: seen !== null,
        version: parts.version,
        leader: readiness.ready && seen !== null,
        role: readiness.ready ? "queen" : readiness.role,
        store: queue.storeName,
        queue: seen?.queue ?? NO_COUNTS,
        workers: seen?.workers ?? { total: 0, free: 0, busy: 0 },
        warnings: [...parts.storeWarnings()],
      };
    },

    async ready({ headers }) {
      const readiness = queue.readiness();
      const store = queue.storeName;
      if (readiness.ready) {
        if ((await look()) !== null) return { ready: true, store, role: "queen" };
        throw new HiveError("not_ready", `the store (${store}) does not answer; try again in a moment`, {
          retryAfterMs: ANSWER_MS,
        });
      }
      const { queen, role, why, retryAfterMs } = readiness;
      const isHandedOn = queen !== null && headers[FORWARDED] === undefined;
      if (isHandedOn && (await isQueenReady(queen.url))) return { ready: true, store, role };
      const reason = isHandedOn ? `${why}, who does not accept work` : why;
      throw new HiveError("not_ready", `${reason}; try again in a moment`, { retryAfterMs });
    },

    async stats() {
      const [{ queue: counts }, oldest] = await Promise.all([queue.read(lookAt), oldestQueuedAt()]);
      return { queue: counts, since, ...metrics.counts, oldestQueuedAt: oldest };
    },

    async metrics() {
      const seen = await look();
      const text = await metrics.text({
        queue: seen?.queue ?? NO_COUNTS,
        workers: seen?.workers ?? { free: 0, busy: 0 },
        waitingClaims: parts.waiters.size,
        leader: seen !== null,
        pools: parts.pools(),
      });
      return { body: text, headers: { "content-type": metrics.registry.contentType } };
    },

    async openapi() {
      return api;
    },

    async docs() {
      return { body: page.html, headers: { "content-security-policy": page.policy } };
    },
  };
}
