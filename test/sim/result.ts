/** What a simulated job made: next to nothing, and a mark by which its effect is found again. */

import type { FinishRequest } from "@hive/protocol";

type Result = Extract<FinishRequest["outcome"], { readonly end: "succeeded" }>["result"];

/** A result whose summary marks the finish it came with. */
export function resultOf(token: string): Result {
  return {
    summary: token,
    noChanges: false,
    branch: null,
    commit: null,
    baseCommit: null,
    patchId: null,
    diffStat: null,
    pullRequest: null,
    verdict: null,
    outputs: null,
    usage: null,
    exitCode: 0,
    phases: [],
    artifacts: [],
    salvage: null,
    agent: null,
    isolation: "none",
  };
}
