/** A plain job as a worker is given it, for the tests of tasks. */
import { DEFAULT_AGENT_SETTINGS, type LeasedJob } from "@hive/protocol";

/** Change what a test is about. */
export const leasedJob: LeasedJob = {
  jobId: "job-1",
  generation: 1,
  attempt: 1,
  task: "script",
  repo: "",
  branch: null,
  base: null,
  instructions: null,
  script: null,
  changes: null,
  agent: null,
  agentSettings: DEFAULT_AGENT_SETTINGS,
  gitUser: null,
  timeoutMs: 60_000,
  idleTimeoutMs: null,
  untrusted: false,
  approvePublish: false,
  bundle: null,
  announced: [],
  fillsCaches: false,
  pullRequest: { labels: [], reviewers: [], cost: false, draft: true },
  verify: null,
  previous: null,
  report: null,
  followUp: null,
  session: null,
  url: "http://localhost/jobs/job-1",
};
