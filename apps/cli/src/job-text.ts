/** How a job reads in a terminal. */

import type { JobDetail, JobSummary } from "@hive/sdk";
import { budgetText, costText } from "./money-text.ts";
import { duration, plain, table } from "./output.ts";

/** The table of `hive ls`. */
export function jobTable(jobs: readonly JobSummary[], now: number): string {
  const rows = jobs.map((job) => [
    job.jobId,
    job.reason === null ? job.status : `${job.status}: ${job.reason}`,
    job.phase ?? "",
    job.task,
    duration(Math.max(0, now - job.createdAt)),
    job.repo,
  ]);
  return rows.length === 0 ? "No jobs." : table(["JOB", "STATUS", "PHASE", "TASK", "AGE", "REPOSITORY"], rows);
}

/** Everything `hive show` tells of one job. */
export function jobText(job: JobDetail): string {
  const lines: [string, string | null | undefined][] = [
    ["Job", job.jobId],
    ["Status", job.reason === null ? job.status : `${job.status} (${job.reason})`],
    ["Waits", job.waiting],
    [
      "Task",
      [
        job.task,
        job.agent && `agent ${job.agent}${job.model === null ? "" : ` with ${job.model}`}`,
        job.role && `role ${job.role}`,
      ]
        .filter(Boolean)
        .join(", "),
    ],
    ["Candidate of", job.parent],
    ["Candidates", job.candidates && `${job.candidates.count} (compare them with: hive candidates ${job.jobId})`],
    ["Trust", job.trust === "untrusted" ? "from outside: what it makes waits for approval" : null],
    ["Files", job.inputs.map(({ name, bytes }) => `${name} (${bytes} bytes)`).join(", ")],
    ["Repository", job.repo],
    ["Branch", job.result?.branch ?? job.branch],
    ["Commit", job.result?.commit],
    ["Changes", changes(job)],
    ["Pull request", job.result?.pullRequest?.url],
    ["Tests", job.result?.verify && testsText(job.result.verify)],
    ["Summary", job.result?.summary],
    ["Verdict", job.result?.verdict],
    ["Error", job.error && `${job.error.code}: ${job.error.message}`],
    ["Salvaged", job.result?.salvage],
    [
      "Bundle",
      job.bundle && `${job.bundle.sha256} (approve with: hive approve ${job.jobId} --sha256 ${job.bundle.sha256})`,
    ],
    ["Blocked", job.blocked.map(({ host, port, reason }) => `${host}:${port} (${reason})`).join(", ")],
    ["Comments", job.comments && commentsOf(job.comments)],
    ["Attempts", job.attempts === 0 ? null : `${job.attempts} (${job.failures} failed, ${job.losses} lost)`],
    ["Tokens", job.usage && `${job.usage.inputTokens} in, ${job.usage.outputTokens} out, ${job.usage.calls} calls`],
    ["Cost", job.usage && costText(job.usage)],
    ["Budget", job.budget && job.usage && budgetText(job.budget)],
    ["Phases", job.result && job.result.phases.map((phase) => `${phase.name} ${duration(phase.ms)}`).join(", ")],
    ["Page", job.url],
  ];
  const shown = lines.filter((line): line is [string, string] => typeof line[1] === "string" && line[1] !== "");
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(
      ([name, text]) =>
        `${name.padEnd(width)}  ${plain(text)
          .split("\n")
          .join(`\n${" ".repeat(width + 2)}`)}`,
    )
    .join("\n");
}

function changes(job: JobDetail): string | null {
  if (job.result?.noChanges) return "none";
  const stat = job.result?.diffStat;
  return stat ? `${stat.files} files, +${stat.insertions} -${stat.deletions}` : null;
}

/** What the repository's tests said; nothing where nobody asked them. */
export function testsText({ state, rounds }: NonNullable<NonNullable<JobDetail["result"]>["verify"]>): string | null {
  const after = rounds === 0 ? "" : `, after going back to the agent ${rounds === 1 ? "once" : `${rounds} times`}`;
  switch (state) {
    case "passed":
      return `green${after}`;
    case "failed":
      return `red${after}`;
    case "none":
      return "the repository names none";
    case "unchanged":
    case "off":
      return null;
  }
}

function commentsOf({ count, done }: NonNullable<JobDetail["comments"]>): string {
  return count === done ? `${count}, all done` : `${count}, ${count - done} of them not done yet`;
}
