/** The work of a plain job, for the tests of pull requests. */
import type { WorkDescription } from "./pull-request-text.ts";

/** Change what a test is about. */
export const work: WorkDescription = {
  jobId: "job-1",
  jobUrl: "http://localhost:8099/jobs/job-1",
  generation: 1,
  asked: "What was asked for",
  summary: "A title\n\nWhat was done",
  summaryTitles: true,
  diffStat: { files: 2, insertions: 3, deletions: 1 },
  tests: null,
  conflict: null,
  closes: null,
  blocked: [],
  usage: null,
};
