/** The worker's side of the queue: register, claim, beat, tell, announce, finish. Logs and files are in `attempt-files.ts`. */

import {
  HiveError,
  mustApprovePublish,
  timeLeft,
  trustOf,
  type AttemptRecord,
  type Grant,
  type Job,
  type JobBody,
} from "@hive/core";
import {
  DEFAULT_AGENT_SETTINGS,
  DEFAULT_PULL_REQUEST,
  WORKER_PROTOCOL,
  type LeasedJob,
  type LeaseGrant,
} from "@hive/protocol";
import type { AgentPolicy } from "../../agents/agent-policy.ts";
import { whyNoCacheWrites } from "../../caches/cache-rules.ts";
import { createJobCredential, placeOf } from "../../credentials/job-credential.ts";
import { DEFAULT_VERIFY_ROUNDS } from "../../queue/compile-job.ts";
import { begunJob } from "../begun-job.ts";
import { candidateOf, chosenOf, modelAsked } from "../candidate-view.ts";
import { followUpOf, hearsNews, reportOf } from "../follow-up.ts";
import type { Handlers } from "../handler.ts";
import { attemptsOf, findBody, jobUrl } from "../job-view.ts";
import type { Parts } from "../parts.ts";
import type { Signals } from "../signals.ts";
import { workFacts } from "../work-facts.ts";

type WorkerHandlers = Pick<
  Handlers,
  | "workerRegister"
  | "workerClaim"
  | "workerSignals"
  | "workerGoodbye"
  | "leaseHeartbeat"
  | "leaseEvents"
  | "leaseSecrets"
  | "leaseFacts"
  | "leasePublish"
>;

/** What these handlers use of the server. */
export type WorkerProtocolParts = Pick<
  Parts,
  | "queue"
  | "presence"
  | "waiters"
  | "leaseTokens"
  | "workerTokens"
  | "registrar"
  | "credentials"
  | "openSecret"
  | "caches"
  | "githubApiFor"
  | "pullRequestFor"
  | "publicUrl"
  | "firstBeatMs"
  | "intervals"
  | "stuck"
  | "limits"
> & {
  readonly policy: { readonly agents: Pick<AgentPolicy, "commandNames" | "settingsFor"> };
  readonly log: Pick<Parts["log"], "warn">;
};

/** Old bodies say nothing of it and are verified as new ones are by default. */
function verifyOf(job: Job, { verifyRounds = DEFAULT_VERIFY_ROUNDS }: JobBody): LeasedJob["verify"] {
  return job.task !== "agent" || verifyRounds === null ? null : { rounds: verifyRounds };
}

export function workerHandlers(parts: WorkerProtocolParts, signals: Pick<Signals, "open">): WorkerHandlers {
  const { queue, presence, waiters, leaseTokens } = parts;
  const gitCredential = createJobCredential(parts);

  async function leaseOf({ job, lease, timeoutMs }: Grant): Promise<LeaseGrant> {
    const [tokens, body, history, followUp, chosen, candidate] = await Promise.all([
      leaseTokens.mint(lease, job, queue.election().electionId),
      findBody(queue, job.id),
      // Only a job that ran before has a history worth a read.
      lease.fence > 1 ? attemptsOf(queue, job.id) : [],
      followUpOf(queue, job),
      lease.purpose === "publish" ? chosenOf(queue, job) : null,
      candidateOf(queue, job),
    ]);
    if (body === null) throw new Error(`job ${job.id} has no body`);
    const asked = { ...body, model: await modelAsked(queue, job, body) };
    // Over generations too: a retry by hand of a refused pull request must only open it.
    const previous = history.findLast((attempt) => attempt.end !== "returned");
    // A worker that was lost told nothing of what it did.
    const report = reportOf(history.findLast(({ end }) => end !== "returned" && end !== "lost"));
    const left = timeLeft(job);
    const timeIsBudget = left !== null && left <= timeoutMs;
    return {
      fence: lease.fence,
      purpose: lease.purpose,
      token: tokens.worker,
      llmToken: tokens.llm,
      egressToken: tokens.egress,
      firstBeatMs: parts.firstBeatMs,
      job: { ...leasedJob(job, asked, previous), report, followUp, chosen, candidate, timeoutMs, timeIsBudget },
    };
  }

  function leasedJob(
    job: Job,
    body: JobBody,
    previous: AttemptRecord | undefined,
  ): Omit<LeasedJob, "report" | "followUp" | "chosen" | "candidate"> {
    const { run } = job;
    const agentic = job.task === "agent" || job.task === "analyze";
    return {
      jobId: job.id,
      generation: job.generation,
      attempt: (run?.attempts ?? 0) + (run?.lease?.begunAt === null ? 1 : 0),
      task: job.task,
      repo: job.repo,
      branch: body.branch,
      base: body.base,
      instructions: body.instructions,
      script: body.script,
      inputs: [...(body.inputs ?? [])],
      changes: body.changes === null ? null : [...body.changes],
      agent: job.agent,
      agentSettings: agentSettingsOf(job, body),
      gitUser: body.gitUser,
      timeoutMs: job.timeoutMs,
      timeIsBudget: false,
      idleTimeoutMs: agentic ? Math.round(parts.stuck.silentSeconds * 1_000) : null,
      stuck: { repeats: parts.stuck.repeats, turns: parts.stuck.turns },
      untrusted: trustOf(job) === "untrusted",
      approvePublish: mustApprovePublish(job),
      bundle: run?.bundle ?? null,
      announced: (run?.announced ?? []).map(({ ref, commit }) => ({ ref, commit })),
      fillsCaches: parts.caches !== null && whyNoCacheWrites(job, body) === null,
      pullRequest: pullRequestOf(job),
      verify: verifyOf(job, body),
      previous: hearsNews(job, previous) ? null : (previous?.error ?? null),
      issue: body.issue ?? null,
      session: run?.session ?? null,
      url: jobUrl(parts.publicUrl, job.id),
    };
  }

  /** As hive.yaml has it now, not as it was when the job came. The one word that is the job's own is its model. */
  function agentSettingsOf(job: Job, body: JobBody): LeasedJob["agentSettings"] {
    if (job.agent === null) return DEFAULT_AGENT_SETTINGS;
    const place = placeOf(job.repo)?.path ?? "";
    return parts.policy.agents.settingsFor(job.agent, body.model ?? null, {
      place,
      role: job.role,
      labels: job.labels,
    });
  }

  function pullRequestOf(job: Job): LeasedJob["pullRequest"] {
    // The one that is chosen gets its parent's.
    if (job.parent != null) return null;
    const place = placeOf(job.repo);
    return place === null ? DEFAULT_PULL_REQUEST : parts.pullRequestFor(place.path);
  }

  return {
    async workerRegister({ body }) {
      if (body.protocol !== WORKER_PROTOCOL) {
        throw new HiveError(
          "worker_outdated",
          `The worker speaks version ${body.protocol} of the protocol and this server ${WORKER_PROTOCOL}; install the same Hive on both`,
          { protocol: WORKER_PROTOCOL },
        );
      }
      const { profile: said, placement, provenAt } = await parts.registrar.admit(body);
      const commands = body.commandLines === true ? parts.policy.agents.commandNames : [];
      const profile = { ...said, agents: [...new Set([...said.agents, ...commands])] };
      // Its name is its id: a worker that starts again is then known to be the same one, and its dead process's job goes back.
      const workerId = profile.name;
      const { registrationId } = body;
      const proven = provenAt === null ? {} : { provenAt };
      await queue.submit<"register">({ type: "register", workerId, registrationId, profile, placement, ...proven });
      presence.registered(workerId, body.registrationId);
      return {
        workerId,
        token: parts.workerTokens.mint(workerId, body.registrationId),
        leaseKey: { ...leaseTokens.publicKey },
        intervals: parts.intervals,
        limits: parts.limits,
      };
    },

    async workerClaim({ body, caller, closed }) {
      const { workerId } = caller;
      const waitMs = Math.min(body.waitMs ?? parts.intervals.claimWaitMs, parts.intervals.claimWaitMs);
      const { grant, drain } = await waiters.claim({ workerId, claimId: body.claimId, waitMs, closed });
      presence.heard(workerId);
      if (grant === null) return { lease: null, drain };
      const lease = await leaseOf(grant);
      // Closed while the tokens were signed: the worker will claim again, and this job need not wait for it.
      if (closed.aborted) await waiters.giveBack(grant);
      return { lease, drain };
    },

    async workerSignals({ caller }) {
      return signals.open(caller.workerId);
    },

    async workerGoodbye({ caller }) {
      const { workerId } = caller;
      const message = "the worker left";
      const { ended } = await queue.submit<"workerGone">({ type: "workerGone", workerId, blame: false, message });
      presence.forget(workerId);
      return { ended };
    },

    async leaseHeartbeat({ body, caller }) {
      const { jobId, fence } = caller;
      const { phase = null, message = null, percent = null } = body;
      const reply = await queue.submit<"heartbeat">({
        type: "heartbeat",
        lease: { jobId, fence },
        phase,
        message,
        percent,
      });
      return { cancel: reply.cancel, stop: reply.stop, drain: reply.drain, leaseMs: parts.intervals.leaseMs };
    },

    async leaseEvents({ body, caller }) {
      const { jobId, fence } = caller;
      const { accepted } = await queue.submit<"report">({
        type: "report",
        lease: { jobId, fence },
        from: body.from,
        events: body.events,
      });
      return { accepted };
    },

    async leaseSecrets({ caller }) {
      const job = await begunJob(queue, caller);
      const git = await gitCredential(job);
      // The lease may have ended while a credential was fetched: what is handed out is handed to the holder.
      await begunJob(queue, caller);
      const place = placeOf(job.repo);
      return { git, githubApiUrl: place === null ? null : parts.githubApiFor(place.host) };
    },

    async leaseFacts({ caller }) {
      return workFacts(queue, await begunJob(queue, caller));
    },

    async leasePublish({ body, caller }) {
      const { jobId, fence } = caller;
      const { announced } = await queue.submit<"publish">({
        type: "publish",
        lease: { jobId, fence },
        announcement: body,
      });
      return { announced };
    },
  };
}
