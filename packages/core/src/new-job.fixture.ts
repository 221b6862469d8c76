/** What every test of the queue and of its neighbours starts from. */

import { NO_LIMITS } from "./budget.ts";
import type { NewJob } from "./command.ts";

/** A job as the edge hands it in; its body hash is its id unless said. */
export function newJob(id: string, what: Partial<NewJob> = {}): NewJob {
  return {
    id,
    idGiven: true,
    bodyHash: `hash of ${id}`,
    task: "script",
    role: null,
    labels: [],
    priority: 5,
    repo: "https://example.com/repo.git",
    key: null,
    agent: null,
    trust: "trusted",
    approval: "none",
    callback: false,
    runAt: null,
    maxAttempts: 3,
    retryOn: "system",
    timeoutMs: 3_600_000,
    budget: NO_LIMITS,
    dependsOn: [],
    branch: null,
    base: null,
    instructions: null,
    script: "true",
    changes: null,
    callbackUrl: null,
    metadata: null,
    gitUser: null,
    egress: null,
    verifyRounds: null,
    origin: "api",
    secrets: {},
    hold: null,
    ...what,
  };
}
