/** The commands over jobs: submit, ls, show, logs, cancel, retry, approve, reject. Thin: the server has the rules. */

import { readFileSync } from "node:fs";
import type { JobSummary, NewJobRequest } from "@hive/sdk";
import { type Command, Option } from "commander";
import { CliError, type Context } from "../context.ts";
import { tellBlocked } from "../blocked-lines.ts";
import { jobTable, jobText } from "../job-text.ts";
import { parseBudget } from "../money-text.ts";
import { parseCandidates } from "./candidates.ts";

const STATUSES: readonly JobSummary["status"][] = [
  "held",
  "blocked",
  "scheduled",
  "queued",
  "running",
  "succeeded",
  "failed",
  "canceled",
];
const TASKS: readonly NewJobRequest["task"][] = ["agent", "script", "build", "test", "lint", "analyze", "changes"];

interface SubmitOptions {
  readonly repo: string;
  readonly task?: NewJobRequest["task"];
  readonly id?: string;
  readonly branch?: string;
  readonly base?: string;
  readonly script?: string;
  readonly agent?: string;
  readonly model?: string;
  readonly candidates?: string;
  readonly choose?: "rule" | "person";
  readonly role?: string;
  readonly label?: string[];
  readonly priority?: string;
  readonly after?: string[];
  readonly runAt?: string;
  readonly callback?: string;
  readonly budget?: string;
  /** Commander's way to say `--no-verify`: false. */
  readonly verify?: boolean;
  readonly verifyRounds?: string;
  readonly timeoutMinutes?: string;
  readonly egress?: string[];
  readonly githubTokenFile?: string;
  readonly wait?: boolean;
}

/** Adds the commands over jobs. */
export function addJobCommands(program: Command, context: () => Context): void {
  program
    .command("submit")
    .description("put a job in")
    .argument("[instructions]", "what the agent is to do")
    .requiredOption("--repo <url>", "the repository, https://…")
    .addOption(new Option("--task <task>", "what kind of work").choices(TASKS))
    .option("--id <jobId>", "an id of your own: sending it again makes no second job")
    .option("--branch <name>", "where the work is pushed (default: hive/<jobId>)")
    .option("--base <name>", "where the work starts (default: the repository's default branch)")
    .option("--script <file>", "run this shell script (- for standard input)")
    .option("--agent <name>", "claude, codex, opencode, gemini, command, demo, or one of the server's own")
    .option("--model <name>", "the model the agent is asked to use, as the agent names it")
    .option("--candidates <n|list>", "do it several times and publish the best: 3, or claude,codex:gpt-5,gemini")
    .addOption(new Option("--choose <who>", "who chooses among candidates").choices(["rule", "person"]))
    .option("--role <role>", "only workers with this role")
    .option("--label <label...>", "only workers with these labels")
    .option("--priority <0-9>", "0 first, 9 last (default: 5)")
    .option("--after <jobId...>", "wait for these jobs")
    .option("--run-at <instant>", "not before, such as 2027-01-31T08:00:00+01:00")
    .option("--callback <url>", "call this address back")
    .option("--no-verify", "do not let the repository's tests judge what the agent made")
    .option("--verify-rounds <n>", "how often red tests go back to the agent (default: 2)")
    .option("--budget <limits>", "what it may use, such as usd=2,turns=40,tokens=500000,minutes=30")
    .option("--timeout-minutes <n>", "end an attempt after this long")
    .option("--egress <host...>", "only these hosts may be reached, of those the worker may (none: no host at all)")
    .option("--github-token-file <file>", "a token for this repository alone; kept sealed, erased at the end")
    .option("--wait", "stay until the job is over; exit code 1 unless it succeeded")
    .action(async (instructions: string | undefined, options: SubmitOptions) => {
      const { output, hive } = context();
      const client = hive();
      const accepted = await client.enqueue(toJob(instructions, options));
      if (!options.wait) {
        output.answer(
          accepted,
          () =>
            `${accepted.jobId} is ${accepted.status}${accepted.reason ? ` (${accepted.reason})` : ""}\nFollow it with: npm run hive -- logs -f ${accepted.jobId}`,
        );
        return;
      }
      const job = await client.wait(accepted.jobId, { held: true });
      output.answer(job, () => jobText(job));
      if (job.status !== "succeeded") process.exitCode = 1;
    });

  program
    .command("ls")
    .description("list jobs, newest first")
    .addOption(new Option("--status <status>", "only these").choices(STATUSES))
    .option("--repo <url>", "only of this repository")
    .option("--limit <n>", "how many", "50")
    .option("--cursor <cursor>", "where the last page ended")
    .action(async (options: { status?: JobSummary["status"]; repo?: string; limit: string; cursor?: string }) => {
      const { output, hive } = context();
      const page = await hive().list({ ...options, limit: number(options.limit, "--limit") });
      output.answer(page, () => jobTable(page.jobs, Date.now()) + (page.next ? `\nMore: --cursor ${page.next}` : ""));
    });

  program
    .command("show")
    .description("everything about one job")
    .argument("<jobId>")
    .option("--diff", "the diff it made instead")
    .action(async (jobId: string, options: { diff?: boolean }) => {
      const { output, hive } = context();
      if (options.diff) {
        const diff = await hive().diff(jobId);
        output.answer({ diff }, () => diff);
        return;
      }
      const job = await hive().get(jobId);
      output.answer(job, () => jobText(job));
    });

  program
    .command("logs")
    .description("a job's log")
    .argument("<jobId>")
    .option("-f, --follow", "stay until the attempt ends")
    .option("--fence <n>", "of an earlier attempt")
    .action(async (jobId: string, options: { follow?: boolean; fence?: string }) => {
      const fence = options.fence === undefined ? {} : { fence: number(options.fence, "--fence") };
      const hive = context().hive();
      const log = await hive.logs(jobId, { follow: options.follow === true, ...fence });
      // Beside the log, which is shown as the job wrote it: what the job wanted to reach and might not.
      const ended = new AbortController();
      const telling = tellBlocked(hive, jobId, {
        ...fence,
        ...(options.follow ? { until: ended.signal } : {}),
        tell: (line) => void process.stderr.write(`${line}\n`),
      });
      for await (const chunk of log) {
        if (!process.stdout.write(chunk)) await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
      }
      ended.abort();
      await telling;
    });

  const act = (
    name: string,
    description: string,
    run: (jobId: string, given: { reason?: string; sha256?: string }) => Promise<{ status: string }>,
    option?: [string, string],
  ): void => {
    const command = program.command(name).description(description).argument("<jobId>");
    if (option) command.option(...option);
    command.action(async (jobId: string, given: { reason?: string; sha256?: string }) => {
      const reply = await run(jobId, given);
      context().output.answer(reply, () => `${jobId} is ${reply.status}`);
    });
  };
  act("cancel", "cancel a job", (jobId, { reason }) => context().hive().cancel(jobId, reason), [
    "--reason <text>",
    "why, for the record",
  ]);
  act("retry", "begin a failed or canceled job anew", (jobId) => context().hive().retry(jobId));
  act("approve", "let a held job go on", (jobId, { sha256 }) => context().hive().approve(jobId, sha256), [
    "--sha256 <hash>",
    "the bundle you looked at, for work that waits to be published",
  ]);
  act("reject", "end a held job", (jobId, { reason }) => context().hive().reject(jobId, reason), [
    "--reason <text>",
    "why, for the record",
  ]);
}

function toJob(instructions: string | undefined, options: SubmitOptions): NewJobRequest {
  const script =
    options.script === undefined ? undefined : readFileSync(options.script === "-" ? 0 : options.script, "utf8");
  const task = options.task ?? (script === undefined ? "agent" : "script");
  if (task === "agent" && instructions === undefined)
    throw new CliError('Say what to do: hive submit --repo … "Add a quick start to the README"');
  const token =
    options.githubTokenFile === undefined ? undefined : readFileSync(options.githubTokenFile, "utf8").trim();
  const {
    id: jobId,
    repo,
    branch,
    base,
    agent,
    model,
    role,
    label: labels,
    after: dependsOn,
    callback: callbackUrl,
  } = options;
  const given = {
    jobId,
    repo,
    task,
    branch,
    base,
    instructions,
    script,
    agent,
    model,
    role,
    labels,
    dependsOn,
    callbackUrl,
    githubToken: token,
    egress: options.egress?.filter((entry) => entry !== "none"),
    candidates: options.candidates === undefined ? undefined : parseCandidates(options.candidates),
    choose: options.choose,
    budget: options.budget === undefined ? undefined : parseBudget(options.budget),
    verify: options.verify === false ? false : undefined,
    verifyRounds: options.verifyRounds === undefined ? undefined : number(options.verifyRounds, "--verify-rounds"),
  };
  const job: NewJobRequest = {
    ...given,
    priority: options.priority === undefined ? undefined : number(options.priority, "--priority"),
    runAt: options.runAt,
    timeoutMs:
      options.timeoutMinutes === undefined ? undefined : number(options.timeoutMinutes, "--timeout-minutes") * 60_000,
  };
  return job;
}

function number(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new CliError(`${option}: ${text} is not a whole number`);
  return value;
}
