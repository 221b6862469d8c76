/** What the demo asks for: every kind of work that ends in a pushed branch and needs no key. */

import type { NewJobRequest } from "@hive/sdk";

const SCRIPT = `set -e
hive-progress 20 "counting the lines"
lines=$(cat *.mjs | wc -l)
hive-progress 70 "writing the report"
printf '# Size\\n\\n%s lines of code.\\n' "$lines" > SIZE.md
`;

/** The jobs, in order. The last one waits for the first. */
export function demoJobs(repo: string): NewJobRequest[] {
  const job = (jobId: string, more: Omit<NewJobRequest, "repo" | "jobId">): NewJobRequest => ({
    jobId,
    repo,
    base: "main",
    branch: `ci/${jobId}`,
    ...more,
  });
  return [
    job("demo-readme", { task: "agent", instructions: "Add a quick start to the README" }),
    job("demo-script", { task: "script", script: SCRIPT }),
    job("demo-changes", {
      task: "changes",
      changes: [{ path: "docs/greeting.md", content: "# Greeting\n\nBe kind.\n" }],
    }),
    job("demo-license", { task: "agent", instructions: "Add a file LICENSE-NOTES.md that says who may use this" }),
    job("demo-next", { task: "agent", instructions: "Add a changelog", dependsOn: ["demo-readme"] }),
  ];
}
