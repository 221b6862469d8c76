/**
 * Hands mirrors out to leases and takes them back. A clone may take longer than any request: the first request of a
 * lease begins it, every further one joins, and each waits only a while before it is told to ask again. Whatever ends
 * the lease (its finish, a cancel, a lost worker, a restart of this server) is seen in the queue, and the hand-out goes.
 *
 * Several dispatchers of one machine may share the folder. Only one keeper can work in it, so only the queen has one: a
 * standby that held the folder would leave every job without its repository.
 */

import { HiveError, type Effect } from "@hive/core";
import type { MirrorReply } from "@hive/protocol";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import type { HandOutRequest, MirrorKeeper } from "./keeper-process.ts";

/** A lease that has begun and wants its repository. */
export interface MirrorAsk {
  readonly jobId: string;
  readonly fence: number;
  /** The worker's name: its hand-outs are in a folder of this name. */
  readonly worker: string;
  readonly repo: string;
  /** Asked for when it is needed. @throws HiveError `not_ready` when it cannot be had right now */
  readonly credential: () => Promise<HandOutRequest["credential"]>;
  /** The hand-out the lease was given before, if its files are damaged. */
  readonly broken: string | null;
  /** The hand-out the lease was given before, if the repository has changed since and the lease must have that. */
  readonly outdated: string | null;
}

export interface Mirrors {
  /**
   * The lease's hand-out, or why there is none; code `pending` when it takes longer than a request should.
   * `closed`: the caller is gone; what it began goes on for its next request.
   * @throws HiveError `not_ready`
   */
  handOut(ask: MirrorAsk, closed: AbortSignal): Promise<MirrorReply>;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

export interface MirrorsOptions {
  readonly keeper: MirrorKeeper;
  readonly queue: Pick<Queue, "read" | "onEffect" | "readiness" | "onReadiness">;
  readonly clock: Pick<Clock, "after">;
  readonly log: Pick<Logger, "warn">;
  /** Whether hand-outs may be there, of an earlier life of this server or of the queen before. */
  readonly wasUsed: () => boolean;
  /** Milliseconds a request waits at most. Default 20,000. */
  readonly waitMs?: number;
}

/** Milliseconds between looks at everything that is handed out, in case an end was not seen. */
const SWEEP_MS = 60_000;
const WAIT_MS = 20_000;
/** How often one lease may say that what it got will not do. */
const MOST_RENEWALS = 2;

const PENDING: MirrorReply = {
  ok: false,
  code: "pending",
  message: "the repository is still being fetched; ask again",
};

interface Given {
  answer: Promise<MirrorReply>;
  /** What the answer named, once it is there. */
  folder: string | null;
  renewals: number;
}

/** Starts to look after hand-outs. */
export function startMirrors(options: MirrorsOptions): Mirrors {
  const { keeper, queue, clock, log, waitMs = WAIT_MS } = options;
  const given = new Map<string, Given>();
  /** Fences by job that have something at the keeper, as far as we know. */
  const held = new Map<string, Set<number>>();
  let stopped = false;
  let takeBack = (): void => {};

  function hold(jobId: string, fence: number): void {
    held.set(jobId, (held.get(jobId) ?? new Set()).add(fence));
  }

  async function release(jobId: string, fence: number): Promise<void> {
    const fences = held.get(jobId);
    // Several ends of one lease are heard of; the first one does it.
    if (fences?.delete(fence) !== true) return;
    if (fences.size === 0) held.delete(jobId);
    const lease = keyOf(jobId, fence);
    given.delete(lease);
    const done = await keeper.release(lease).catch((error: unknown) => {
      hold(jobId, fence);
      throw error;
    });
    if (!done) hold(jobId, fence);
  }

  /** Releases what is held for leases of this job that are over. */
  async function check(jobId: string): Promise<void> {
    const live = await queue.read((state) => state.leases.of(jobId)?.fence ?? null);
    for (const fence of [...(held.get(jobId) ?? [])]) if (fence !== live) await release(jobId, fence);
  }

  function checkSoon(jobId: string): void {
    // What cannot be done now is done by the next sweep.
    check(jobId).catch((err: unknown) => {
      if (!stopped && !isNotReady(err)) log.warn({ err, jobId }, "a hand-out could not be released");
    });
  }

  async function sweep(): Promise<void> {
    // First who has something, then who lives: a lease that is not alive after it had something is over for good.
    for (const lease of await keeper.leases()) {
      const [jobId, fence] = readKey(lease);
      hold(jobId, fence);
    }
    for (const jobId of [...held.keys()]) await check(jobId);
  }

  async function sweepOnAndOn(): Promise<void> {
    try {
      if (queue.readiness().ready && (held.size > 0 || options.wasUsed())) await sweep();
    } catch (err) {
      if (!stopped && !isNotReady(err)) log.warn({ err }, "hand-outs could not be looked through");
    }
    if (!stopped) takeBack = clock.after(SWEEP_MS, () => void sweepOnAndOn());
  }

  function begin(ask: MirrorAsk, renewals: number): Given {
    const { jobId, fence, worker, repo, broken } = ask;
    const lease = keyOf(jobId, fence);
    hold(jobId, fence);
    const make = async (): Promise<MirrorReply> => {
      const reply = await keeper.handOut({ lease, worker, repo, credential: await ask.credential(), broken });
      if (reply.ok) begun.folder = reply.folder;
      return reply;
    };
    const settled = (ok: boolean): void => {
      // What failed is not remembered: the next request may find a host that answers again.
      if (!ok && given.get(lease) === begun) given.delete(lease);
      // The lease may have ended before anything was held for it.
      checkSoon(jobId);
    };
    const begun: Given = { answer: make(), folder: null, renewals };
    given.set(lease, begun);
    void begun.answer.then(
      ({ ok }) => settled(ok),
      () => settled(false),
    );
    return begun;
  }

  /** What is under way or there for this lease; null when it said too often that it will not do. */
  function join(ask: MirrorAsk): Given | null {
    const there = given.get(keyOf(ask.jobId, ask.fence));
    if (there === undefined) return begin(ask, 0);
    const isOver = there.folder !== null && (ask.broken === there.folder || ask.outdated === there.folder);
    if (!isOver) return there;
    return there.renewals === MOST_RENEWALS ? null : begin(ask, there.renewals + 1);
  }

  const unlisten = queue.onEffect((effect) => {
    const jobId = jobOf(effect);
    if (jobId !== null && held.has(jobId)) checkSoon(jobId);
  });
  const unlistenRole = queue.onReadiness((readiness) => {
    if (!readiness.ready && readiness.role === "standby") void keeper.rest();
  });
  void sweepOnAndOn();

  return {
    async handOut(ask, closed) {
      const joined = join(ask);
      if (joined === null) {
        return { ok: false, code: "mirror_corrupt", message: `${ask.repo} was handed out anew and will not do again` };
      }
      const reply = await within(joined.answer, waitMs, clock, closed);
      if (reply === null) return PENDING;
      if (!reply.ok && reply.code === "aborted") {
        throw new HiveError("not_ready", "The mirror keeper was stopped while it fetched", { retryAfterMs: 1_000 });
      }
      return reply;
    },
    async stop() {
      stopped = true;
      unlisten();
      unlistenRole();
      takeBack();
      await keeper.stop();
    },
  };
}

/** The value, or null when it is not there in time or nobody waits for it any more. */
async function within<T>(
  value: Promise<T>,
  ms: number,
  clock: Pick<Clock, "after">,
  closed: AbortSignal,
): Promise<T | null> {
  let giveUp = (): void => {};
  const over = new Promise<null>((resolve) => {
    giveUp = () => resolve(null);
  });
  const takeBack = clock.after(ms, giveUp);
  closed.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([value, over]);
  } finally {
    takeBack();
    closed.removeEventListener("abort", giveUp);
  }
}

function keyOf(jobId: string, fence: number): string {
  return `${jobId}:${fence}`;
}

function readKey(lease: string): [jobId: string, fence: number] {
  const at = lease.lastIndexOf(":");
  return [lease.slice(0, at), Number(lease.slice(at + 1))];
}

/** Events of a lease that goes on; an agent makes many. */
const GOES_ON: ReadonlySet<string> = new Set([
  "job.agent",
  "job.progress",
  "job.publishing",
  "job.signal",
  "job.egress_blocked",
]);

/** The job whose lease this may have ended. */
function jobOf(effect: Effect): string | null {
  switch (effect.type) {
    case "ended":
    case "signal":
      return effect.jobId;
    case "event":
      return GOES_ON.has(effect.event.type) ? null : effect.event.jobId;
    case "callback":
    case "ready":
    case "reloaded":
    case "schedule":
    case "source":
      return null;
  }
}

function isNotReady(error: unknown): boolean {
  return error instanceof HiveError && error.code === "not_ready";
}
