/** The job every row puts in: half a kilobyte of JSON, the size that queues are usually measured with. */

/** A job as a client sends it, without an id: the server makes one. About 512 bytes as JSON. */
export const JOB_BODY = {
  repo: "https://github.com/acme/website.git",
  task: "script",
  base: "main",
  priority: 5,
  script: `set -eu\nnpm ci\nnpm test\n${"# so that the body is as large as a usual one\n".repeat(7)}`,
  metadata: { ticket: "ABC-1234" },
} as const;

/** The same as text. */
export const JOB_TEXT: string = JSON.stringify(JOB_BODY);

/** What a worker reports at the end of a job that had nothing to do. */
export const RESULT = {
  summary: null,
  noChanges: true,
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
  phases: [{ name: "run", ms: 1 }],
  artifacts: [],
  salvage: null,
  agent: null,
  isolation: "none",
} as const;
