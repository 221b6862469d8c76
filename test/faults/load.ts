/**
 * The jobs of a run and the client that puts them in. A client that got no answer does not know whether its job was
 * taken: it sends the same request again, as every client should. Some of its requests it gives up at once, so that this
 * happens often.
 */
import { createHash } from "node:crypto";
import { endpoints, ApiError } from "@hive/protocol";
import type { HiveClient, JobDetail, NewJobRequest } from "@hive/sdk";
import type { Dice } from "../sim/dice.ts";
import type { JobBrief } from "../sim/history.ts";
import { monotonicMs, type RunHistory } from "./history.ts";

/** One job of a run, and what must come of it. */
export interface PlannedJob {
  readonly id: string;
  readonly request: NewJobRequest & { readonly jobId: string };
  readonly ends: "succeeded" | "failed";
  /** What its branch holds at the end; null when it pushes nothing. */
  readonly pushes: { readonly path: string; readonly content: string } | null;
  /** What its program prints; null when none runs. */
  readonly prints: string | null;
}

const BRIEF = { key: null, maxAttempts: 3, dependsOn: [] };
/** Longer than any restart on a busy machine. */
const PATIENCE_MS = 180_000;
const AGAIN_MS = 150;
const GIVEN_UP = 0.06;

/** Half of the jobs change files; of the scripts some push, some fail, and each leaves a line in `acts` while it runs. */
export function planJob(n: number, repo: string, acts: string): PlannedJob {
  const id = `job-${String(n).padStart(4, "0")}`;
  const request = { jobId: id, repo, task: "changes" as const, priority: n % 10, metadata: { n } };
  const content = `made by ${id}\n`;
  if (n % 2 === 0) {
    const pushes = { path: `changes/${id}.txt`, content };
    return { id, request: { ...request, changes: [pushes] }, ends: "succeeded", pushes, prints: null };
  }
  const lines = 20 + (n % 7) * 150;
  const act = `echo "$$" >> '${acts}/${id}'`;
  const steps = [act, `seq 1 ${lines}`, "sleep 0.1", act, `seq ${lines + 1} ${2 * lines}`, act];
  const pushes = n % 10 === 3 ? { path: `scripts/${id}.txt`, content } : null;
  if (pushes !== null) steps.push("mkdir -p scripts", `printf '%s' '${content}' > ${pushes.path}`);
  const fails = n % 10 === 9;
  if (fails) steps.push("exit 3");
  return {
    id,
    request: { ...request, task: "script", script: steps.join("\n") },
    ends: fails ? "failed" : "succeeded",
    pushes: fails ? null : pushes,
    prints: Array.from({ length: 2 * lines }, (_, line) => `${line + 1}\n`).join(""),
  };
}

/** What of a job must be the same when it was asked for and when it is read. */
function stamp(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/** The stamp of a request. */
export function stampOfRequest({ repo, task, priority, script, changes, metadata }: NewJobRequest): string {
  const files = changes?.map(({ path, content = "" }) => [path, Buffer.byteLength(content)]) ?? null;
  return stamp([repo, task, priority, script ?? null, files, metadata]);
}

/** The stamp of a job as the API shows it. */
export function stampOfJob({ repo, task, priority, script, changes, metadata }: JobDetail): string {
  return stamp([repo, task, priority, script, changes?.map(({ path, bytes }) => [path, bytes]) ?? null, metadata]);
}

export interface Client {
  /** Sends it until it is accepted. @throws when it is refused, or after three minutes. */
  enqueue(job: PlannedJob): Promise<void>;
  /** Resolves at once when the next job is accepted: the worst moment to lose it. */
  readonly nextAccepted: () => Promise<void>;
  readonly counts: { unknown: number; repeated: number };
}

/** A client that writes every try into the history. */
export function createLoadClient(options: {
  readonly hive: HiveClient;
  readonly history: RunHistory;
  readonly dice: Dice;
  /** Whether the backend is told of its jobs. Default true. */
  readonly callbacks?: boolean;
  /** Aborted: the run failed elsewhere. */
  readonly signal: AbortSignal;
}): Client {
  const { hive, history, dice } = options;
  const brief: JobBrief = { ...BRIEF, callback: options.callbacks ?? true };
  const counts = { unknown: 0, repeated: 0 };
  let accepted = Promise.withResolvers<void>();

  async function send({ request }: PlannedJob): Promise<{ readonly outcome: string; readonly status: string | null }> {
    const impatient = dice.chance(GIVEN_UP) ? { signal: AbortSignal.timeout(dice.int(1, 6)) } : {};
    try {
      const { jobId, status } = await hive.api.call(endpoints.enqueue, { body: request }, impatient);
      accepted.resolve();
      accepted = Promise.withResolvers();
      return { outcome: jobId === request.jobId ? "ok" : `the job ${jobId}`, status };
    } catch (error) {
      if (!(error instanceof ApiError)) return { outcome: "unknown", status: null };
      return { outcome: error.retry ? `${error.code}, try again` : error.code, status: null };
    }
  }

  return {
    counts,
    nextAccepted: () => accepted.promise,
    async enqueue(job) {
      const begun = monotonicMs();
      for (let tries = 0; ; tries += 1) {
        const sentAt = monotonicMs();
        const { outcome, status } = await send(job);
        const at = monotonicMs();
        const bodyHash = stampOfRequest(job.request);
        // Nobody tells a client whether an earlier try had made the job; that there is one only, the events tell.
        history.add({ kind: "enqueue", at, sentAt, id: job.id, bodyHash, brief, outcome, existing: true, status });
        if (outcome === "ok" || options.signal.aborted) return;
        if (outcome === "unknown") counts.unknown += 1;
        else if (!outcome.endsWith("try again")) throw new Error(`${job.id} was answered with ${outcome}`);
        if (at - begun > PATIENCE_MS)
          throw new Error(`${job.id} was not accepted within ${PATIENCE_MS} ms: ${outcome}`);
        counts.repeated += 1;
        await new Promise((resolve) => {
          setTimeout(resolve, AGAIN_MS);
        });
      }
    },
  };
}
