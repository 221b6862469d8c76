/** What the server's settings say about new jobs, and which held jobs a change of settings lets go on. */

import type { CommandOf, RepoAddress } from "@hive/core";
import type { AgentPolicy } from "../agents/agent-policy.ts";
import type { BudgetPolicy } from "../budgets/budget-policy.ts";
import type { Config } from "../config.ts";
import { ruleFor } from "../credentials/repo-rules.ts";
import { createAddressCheck } from "../guard/address-checks.ts";
import type { Guard } from "../guard/guard.ts";
import { seal, type KeyRing } from "../secrets/sealing.ts";
import { DEFAULT_VERIFY_ROUNDS, HARMLESS_AGENT, type JobPolicy } from "./compile-job.ts";
import type { Queue } from "./contract.ts";

export interface PolicyOptions {
  readonly config: Config;
  readonly guard: Guard;
  readonly ring: KeyRing;
  readonly budgets: Pick<BudgetPolicy, "jobLimits">;
  readonly agents: AgentPolicy;
  /** 32 secret bytes for the HMAC of what clients sent. */
  readonly hashKey: Uint8Array;
  /** Milliseconds of a clock that never goes back. */
  readonly mono: () => number;
  /** True when workers are isolated from this machine. */
  readonly isolated: boolean;
}

/** The policy of these settings. */
export function createJobPolicy({
  config,
  guard,
  ring,
  budgets,
  agents,
  hashKey,
  mono,
  isolated,
}: PolicyOptions): JobPolicy {
  const rule = (repo: RepoAddress): ReturnType<typeof ruleFor> => ruleFor(config.repos, `${repo.host}/${repo.path}`);
  return {
    repoRules: {
      allowFile: config.allowFileRepos,
      // Which networks is decided by the guard, which knows the name's addresses; without any, http is refused at once.
      allowPlainHttp: () => config.allowPrivateAddresses.length > 0,
    },
    refuseCallback(url) {
      const checked = guard.checkUrl(url, { what: "callback" });
      return checked.ok ? null : checked.message;
    },
    refuseAddress: createAddressCheck(guard, mono),
    agents,
    holdRealAgents: !isolated && !config.allowUnisolated,
    approvalFor: (repo) => rule(repo)?.approve ?? "none",
    budgetFor: (repo, own) => budgets.jobLimits(`${repo.host}/${repo.path}`, own),
    verifyRoundsFor(repo) {
      const { verify = true, verifyRounds = DEFAULT_VERIFY_ROUNDS } = rule(repo) ?? {};
      return verify ? verifyRounds : null;
    },
    limitedAsOne: (repo) => rule(repo)?.limit !== undefined,
    callbackByDefault: config.callbackUrl !== undefined,
    seal: (jobId, field, plaintext) => seal(ring, { jobId, field }, plaintext),
    hashKey,
  };
}

/** How many jobs of a key may run at once: what hive.yaml says for a whole repository, else one. */
export function limitOf(config: Config): (key: string) => number {
  return (key) => ruleFor(config.repos, key)?.limit ?? 1;
}

/** Lets jobs go on that were held for a setting which is there now. */
export async function reconsiderHeld(queue: Queue, policy: JobPolicy): Promise<void> {
  const satisfied: CommandOf<"reconsider">["satisfied"][number][] = [];
  if (!policy.holdRealAgents) satisfied.push({ reason: "no_isolation", agent: null, untrusted: true });
  if (policy.agents.defaultAgent !== null) {
    const held = policy.holdRealAgents && policy.agents.defaultAgent !== HARMLESS_AGENT;
    const next = held ? ({ next: "no_isolation" } as const) : {};
    const found = { reason: "no_agent", agent: policy.agents.defaultAgent } as const;
    satisfied.push({ ...found, untrusted: !policy.holdRealAgents, ...next });
    // Jobs from outside wait for isolation, whatever agent there is.
    if (policy.holdRealAgents) satisfied.push({ ...found, untrusted: true, next: "no_isolation" });
  }
  if (satisfied.length === 0) return;
  for (;;) {
    const { released } = await queue.submit<"reconsider">({ type: "reconsider", satisfied });
    if (released === 0) return;
  }
}
