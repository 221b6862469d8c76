/**
 * Tells on issues how the jobs that are for them go. Whatever happened meanwhile, what is written is how the job stands
 * now; so nothing is stored, a crash loses nothing, and a job whose status changes fast is told of once. A GitHub that
 * refuses is asked later or left alone: no job waits for it.
 */

import type { Document, Effect, Group, JobBody, JobIssue } from "@hive/core";
import type { Clock } from "../../clock.ts";
import { asJob, attemptsOf, jobUrl } from "../../http/job-view.ts";
import type { Queue } from "../../queue/contract.ts";
import { IssueRefused } from "./issue-comment.ts";
import { issueText, markOf } from "./issue-text.ts";

/** Between two changes of one issue's comment, in milliseconds. */
const PACE_MS = 5_000;
/** Between any two: GitHub asks for a second between changes. */
const STEP_MS = 1_000;
const FIRST_RETRY_MS = 30_000;
const MOST_RETRIES = 8;
/** The longest rest that GitHub gets: beyond some weeks a timer would go off at once. */
const REST_MS = 86_400_000;
/** At a start, jobs that ended longer ago are as good as told. */
const LOOK_BACK_MS = 86_400_000;
const MOST_GROUPS = 200;
/** Jobs and comments that are remembered. */
const MOST_KNOWN = 1_000;

export interface IssueTellerOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  /** The ids of the sources whose jobs may be for issues. */
  readonly sources: readonly string[];
  /** Signs the marks. */
  readonly key: Uint8Array;
  readonly publicUrl: string;
  /** Writes it. Gives the comment's id; null: there is nowhere to write. @throws IssueRefused */
  readonly write: (
    issue: JobIssue,
    comment: { readonly text: string; readonly mark: string; readonly known: number | null },
  ) => Promise<number | null>;
  readonly log: { readonly warn: (fields: object, text: string) => void };
  /** Milliseconds between two changes of one comment. Default 5,000. */
  readonly paceMs?: number;
}

export interface IssueTeller {
  start(): void;
  /** Waits for what is being written. Safe to call twice. */
  stop(): Promise<void>;
}

interface Waiting {
  dueAt: number;
  tries: number;
}

/** `start` begins to listen. Only the queen writes. */
export function createIssueTeller(options: IssueTellerOptions): IssueTeller {
  const { queue, clock, sources, log, paceMs = PACE_MS } = options;
  const prefixes = sources.map((source) => `${source}.`);
  const waiting = new Map<string, Waiting>();
  const told = new Map<string, { readonly at: number; readonly text: string }>();
  const comments = new Map<string, number>();
  const stops: (() => void)[] = [];
  let timer: (() => void) | null = null;
  let notBefore = Number.NEGATIVE_INFINITY;
  let busy: Promise<void> = Promise.resolve();
  let isStopped = false;

  function mark(jobId: string): void {
    if (waiting.has(jobId)) return;
    const last = told.get(jobId);
    waiting.set(jobId, { dueAt: Math.max(clock.mono(), last === undefined ? 0 : last.at + paceMs), tries: 0 });
    plan();
  }

  function plan(): void {
    timer?.();
    timer = null;
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of waiting.values()) next = Math.min(next, dueAt);
    if (isStopped || next === Number.POSITIVE_INFINITY) return;
    timer = clock.after(Math.max(0, notBefore - clock.mono(), next - clock.mono()), () => {
      timer = null;
      busy = busy.then(tellNext).then(plan);
    });
  }

  /** Never rejects. */
  async function tellNext(): Promise<void> {
    const due = [...waiting].find(([, { dueAt }]) => dueAt <= clock.mono());
    if (due === undefined || isStopped) return;
    const [jobId, { tries }] = due;
    waiting.delete(jobId);
    notBefore = clock.mono() + STEP_MS;
    if (!queue.readiness().ready) return;
    try {
      await tell(jobId);
    } catch (err) {
      const wait = err instanceof IssueRefused ? err.retryAfterMs : FIRST_RETRY_MS;
      const isFinal = wait === null || tries >= MOST_RETRIES;
      log.warn({ err, jobId }, isFinal ? "an issue is not told how its job goes" : "an issue is told later");
      if (!isFinal) {
        const backOff = Math.min(Math.max(wait, FIRST_RETRY_MS * 2 ** tries), REST_MS);
        waiting.set(jobId, { dueAt: clock.mono() + backOff, tries: tries + 1 });
      }
    }
  }

  async function tell(jobId: string): Promise<void> {
    const [stored, body] = await queue.documents.get([
      { collection: "jobs", id: jobId },
      { collection: "bodies", id: jobId },
    ]);
    const known: unknown = body;
    const { issue, origin } = (known as JobBody | null) ?? {};
    if (stored == null || issue === undefined || origin === undefined || !issue.tell) return;
    const job = asJob(stored);
    const attempts = await attemptsOf(queue, jobId);
    const attempt = attempts.findLast(({ result }) => result?.pullRequest != null) ?? attempts.at(-1) ?? null;
    const line = markOf(issue, origin, options.key);
    const text = issueText({ job, attempt, url: jobUrl(options.publicUrl, jobId) }, line);
    if (told.get(jobId)?.text === text) return;
    const id = await options.write(issue, { text, mark: line, known: comments.get(line) ?? null });
    if (id !== null) comments.set(line, id);
    told.set(jobId, { at: clock.mono(), text });
    forgetOldest(told);
    forgetOldest(comments);
  }

  /** What was to be told when this server, or the queen before it, ended. */
  async function lookBack(): Promise<void> {
    const since = clock.wall() - LOOK_BACK_MS;
    for (const source of sources) {
      const page = await queue.documents.list({
        ...{ collection: "groups", index: "source", equals: { source }, limit: MOST_GROUPS, order: "descending" },
      });
      for (const { doc } of page.items) {
        const { job } = asGroup(doc);
        if (job !== null && (job.endedAt === null || job.endedAt > since)) mark(job.id);
      }
    }
  }

  function beQueen(): void {
    lookBack().catch((err: unknown) => log.warn({ err }, "it could not be looked up which issues are to be told"));
  }

  return {
    start() {
      if (sources.length === 0) return;
      stops.push(
        queue.onEffect((effect: Effect) => {
          if (effect.type !== "event") return;
          const { jobId } = effect.event;
          if (jobId !== null && prefixes.some((prefix) => jobId.startsWith(prefix))) mark(jobId);
        }),
        queue.onReadiness(({ ready }) => {
          if (ready) beQueen();
        }),
      );
      if (queue.readiness().ready) beQueen();
    },
    async stop() {
      isStopped = true;
      timer?.();
      for (const stop of stops.splice(0)) stop();
      await busy;
    },
  };
}

/** The oldest entries go: at worst something is looked up again. */
function forgetOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= MOST_KNOWN) return;
    map.delete(key);
  }
}

/** A committed document as what it is: core wrote it. */
function asGroup(doc: Document): Group {
  const stored: unknown = doc;
  return stored as Group;
}
