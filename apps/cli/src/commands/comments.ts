/** Talking to the jobs of agents: comment, comments. */

import { readFileSync } from "node:fs";
import type { Comment, Commented, NewComment } from "@hive/sdk";
import type { Command } from "commander";
import { CliError, type Context } from "../context.ts";
import { jobText } from "../job-text.ts";
import { plain } from "../output.ts";

interface CommentOptions {
  readonly feedback?: boolean;
  readonly author?: string;
  readonly githubTokenFile?: string;
  readonly wait?: boolean;
}

/** Adds the commands over comments. */
export function addCommentCommands(program: Command, context: () => Context): void {
  program
    .command("comment")
    .description("say something to an agent's job; a job that is over goes on with it, on its branch")
    .argument("<jobId>")
    .argument("[text]", "what to do or to know (- for standard input)")
    .option("--feedback", "fetch the reviews and failed checks of its pull request for the agent too")
    .option("--author <name>", "who says it")
    .option("--github-token-file <file>", "a new token for the repository; the job's own was erased at its end")
    .option("--wait", "stay until the job is over; exit code 1 unless it succeeded")
    .action(async (jobId: string, text: string | undefined, options: CommentOptions) => {
      const { output, hive } = context();
      const client = hive();
      const said = await client.comment(jobId, toComment(text, options));
      if (!options.wait) {
        output.answer(said, () => becameOf(said));
        return;
      }
      const job = await client.wait(jobId, { held: true });
      output.answer(job, () => jobText(job));
      if (job.status !== "succeeded") process.exitCode = 1;
    });

  program
    .command("comments")
    .description("what was said to a job, oldest first")
    .argument("<jobId>")
    .option("--cursor <cursor>", "where the last page ended")
    .action(async (jobId: string, options: { cursor?: string }) => {
      const { output, hive } = context();
      const page = await hive().comments(jobId, options);
      const more = page.next === null ? "" : `\nMore: --cursor ${page.next}`;
      output.answer(page, () => commentsText(page.comments) + more);
    });
}

/** How comments read in a terminal. */
export function commentsText(comments: readonly Comment[]): string {
  if (comments.length === 0) return "Nobody said anything.";
  return comments
    .map(({ n, at, by, text, feedback, state, trust }) => {
      const asks = feedback ? [text, "(with the reviews and checks of the pull request)"] : [text];
      const said = plain(asks.filter((part) => part !== "").join("\n"));
      const whose = trust === "untrusted" ? `${plain(by)} (from outside)` : plain(by);
      return `${n}  ${new Date(at).toISOString()}  ${whose}  ${state}\n   ${said.split("\n").join("\n   ")}`;
    })
    .join("\n");
}

function becameOf({ jobId, n, status, generation }: Commented): string {
  const when = generation === null ? "its next attempt begins when this one ends" : `it is ${status}`;
  return `comment ${n} on ${jobId}: ${when}\nFollow it with: npm run hive -- logs -f ${jobId}`;
}

function toComment(text: string | undefined, options: CommentOptions): NewComment {
  const { feedback, author, githubTokenFile } = options;
  if (text === undefined && feedback !== true)
    throw new CliError('Say something: hive comment <jobId> "Mention Windows too", or ask for --feedback');
  return {
    text: text === "-" ? readFileSync(0, "utf8") : text,
    feedback,
    author,
    githubToken: githubTokenFile === undefined ? undefined : readFileSync(githubTokenFile, "utf8").trim(),
  };
}
