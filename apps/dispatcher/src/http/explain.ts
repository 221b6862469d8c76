/** Why a job is not running now, in words, from the same predicates the claim uses. */

import { awaitsChoice, fits, type Job, type State } from "@hive/core";
import type { PoolView } from "../fleet/pool-view.ts";

/** Null when it runs or is over. `pools`: the kinds of workers this server starts. */
export function explainWaiting(state: State, job: Job, pools: readonly PoolView[]): string | null {
  switch (job.status) {
    case "held":
      return explainHold(job);
    case "blocked":
      if (awaitsChoice(job)) return explainCandidates(job);
      return `It waits for ${listOf(job.waitsFor)} to succeed.`;
    case "scheduled":
      if (job.reason === "quota" && job.runAt !== null) {
        return `The provider of its model takes no more calls; it goes on by itself at ${new Date(job.runAt).toISOString()}.`;
      }
      if (job.reason === "budget" && job.runAt !== null) {
        return `The budget of the day is used up; it goes on by itself at ${new Date(job.runAt).toISOString()}. More is a matter of hive.yaml: hive budgets`;
      }
      return job.runAt === null ? "It waits for its time." : `It waits until ${new Date(job.runAt).toISOString()}.`;
    case "queued":
      return explainQueued(state, job, pools);
    case "running":
      return job.run?.lease?.begunAt === null ? "A worker has it and is about to begin." : null;
    case "succeeded":
    case "failed":
    case "canceled":
      return null;
  }
}

function explainCandidates(job: Job): string {
  const left = job.waitsFor;
  return left.length === 0
    ? "All of its candidates are over; one is about to be chosen."
    : `It waits for its candidates to be over: ${listOf(left)}.`;
}

function explainHold(job: Job): string {
  const approve = `hive approve ${job.id}`;
  switch (job.hold) {
    case "approval":
      return `A person must approve it before it starts: ${approve}`;
    case "publish":
      return `Its work is done and a person must approve it before it is pushed: look at the diff, then ${approve}`;
    case "choice":
      return `Its candidates are done and a person chooses one: hive candidates ${job.id}, then hive choose ${job.id} NUMBER`;
    case "no_agent":
      return `No agent is set up on this server. Set ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY or HIVE_AGENT and restart it; or name an agent in the job.`;
    case "no_isolation":
      return (
        `The agent ${job.agent ?? ""} would run without isolation, since this server's workers are plain processes. ` +
        `Start Docker and restart it, or set HIVE_ALLOW_UNISOLATED=1 to accept that.`
      );
    case "flood":
      return `Too many jobs came from its source; a person decides: ${approve}`;
    case "paused":
      return `The queue is paused; a person decides: ${approve}`;
    case null:
      return `A person decides: ${approve}`;
  }
}

function explainQueued(state: State, job: Job, pools: readonly PoolView[]): string {
  const { key } = job;
  if (key !== null && !state.isOpen(key)) {
    const running = state.running.get(key) ?? 0;
    return `${running === 1 ? "Another job" : `${running} other jobs`} of ${key} must end first: at most ${state.rules.limitOf(key)} may run at once.`;
  }
  const workers = [...state.workers.values()];
  const able = workers.filter(({ record }) => fits(record, job));
  const staying = able.filter(({ record }) => !record.draining);
  if (staying.some(({ jobId }) => jobId === null)) return "It is about to be given to a worker.";
  const fitting = pools.filter((pool) => couldRun(pool, job));
  const [first] = fitting;
  const open = fitting.find(({ state: is }) => is === "ok");
  if (staying.length === 0 && first === undefined) {
    if (able.length > 0) return `All ${able.length} workers that could take it are draining.`;
    if (pools.length > 0) {
      const image = job.agent !== null && pools.some(({ provider }) => provider === "docker");
      const hint = image ? " HIVE_AGENT_CLIS puts an agent into the worker image." : "";
      return `No pool of this server and none of its ${workers.length} workers ${missing(job)}.${hint}`;
    }
    if (workers.length > 0) return `None of the ${workers.length} workers ${missing(job)}.`;
    return "No worker is connected. Start one, or set HIVE_WORKERS.";
  }
  const blocked = first === undefined || open !== undefined ? "" : `The pool ${first.name}: ${first.message}.`;
  if (staying.length === 0) {
    return open === undefined
      ? `It waits for a worker. ${blocked}`
      : `A worker of the pool ${open.name} is started for it.`;
  }
  const ahead = state.ahead(job.priority);
  const busy = `All ${staying.length} workers that could take it are busy; about ${ahead} jobs are ahead of it or beside it.`;
  return `${busy} ${blocked}`.trim();
}

/** Would a worker of this pool take the job? Of agents that no worker has told of yet, it may have any. */
function couldRun({ roles, labels, agents, state, max }: PoolView, job: Job): boolean {
  const offered = agents ?? (job.agent === null ? [] : [job.agent]);
  return state !== "removed" && max > 0 && fits({ roles, labels, agents: offered }, job);
}

function missing(job: Job): string {
  const asks: string[] = [];
  if (job.role !== null) asks.push(`takes the role ${job.role}`);
  if (job.labels.length > 0)
    asks.push(`has the ${job.labels.length === 1 ? "label" : "labels"} ${job.labels.join(", ")}`);
  if (job.agent !== null) asks.push(`runs the agent ${job.agent}`);
  return asks.length === 0 ? "fits" : asks.join(" and ");
}

function listOf(ids: readonly string[]): string {
  const shown = ids.slice(0, 5).join(", ");
  return ids.length > 5 ? `${shown} and ${ids.length - 5} more` : shown;
}
