/** Comparing the candidates of a job, and choosing one: candidates, choose. */

import type { Candidate, CandidatesReply, NewJobRequest } from "@hive/sdk";
import type { Command } from "commander";
import { CliError, type Context } from "../context.ts";
import { duration, plain, table } from "../output.ts";

/** Adds the commands over candidates. */
export function addCandidateCommands(program: Command, context: () => Context): void {
  program
    .command("candidates")
    .description("the candidates of a job side by side")
    .argument("<jobId>")
    .action(async (jobId: string) => {
      const { output, hive } = context();
      const compared = await hive().candidates(jobId);
      output.answer(compared, () => candidatesText(compared));
    });

  program
    .command("choose")
    .description("say which candidate of a job is published")
    .argument("<jobId>")
    .argument("<number>", "its number, from 1: hive candidates <jobId> lists them")
    .action(async (jobId: string, given: string) => {
      const number = Number(given);
      if (!Number.isInteger(number) || number < 1) throw new CliError(`${given} is not the number of a candidate`);
      const { output, hive } = context();
      const reply = await hive().choose(jobId, number);
      output.answer(reply, () => `${jobId} is ${reply.status}`);
    });
}

/** `3`, or who does it: `claude,codex:gpt-5,gemini` as agent and model. */
export function parseCandidates(text: string): NewJobRequest["candidates"] {
  if (/^\d+$/.test(text)) return Number(text);
  return text.split(",").map((entry) => {
    // A model's name may hold colons itself.
    const [agent = "", ...model] = entry.trim().split(":");
    return { ...(agent === "" ? {} : { agent }), ...(model.length === 0 ? {} : { model: model.join(":") }) };
  });
}

/** The table of `hive candidates`. */
export function candidatesText({ jobId, candidates, chosen, why, reason }: CandidatesReply): string {
  const heads = ["", "CANDIDATE", "STATUS", "TESTS", "DIFF", "COST", "TIME", "AGENT", "BRANCH"];
  const rows = candidates.map((one) => [
    one.n === chosen ? "*" : String(one.n),
    one.jobId,
    one.reason === null ? one.status : `${one.status}: ${one.reason}`,
    one.tests ?? "",
    one.diffStat === null ? "" : `+${one.diffStat.insertions} -${one.diffStat.deletions}`,
    one.costUsd === null ? "" : `${one.costUsd.toFixed(4)} USD`,
    one.ms === null ? "" : duration(one.ms),
    plain([one.agent, one.model].filter((part) => part !== null).join(" ")),
    one.branch ?? "",
  ]);
  return [table(heads, rows), ...words(candidates), ...ending(jobId, reason, why)].join("\n");
}

function words(candidates: readonly Candidate[]): string[] {
  return candidates.flatMap(({ n, summary, error }) => {
    const said = error === null ? summary : `${error.code}: ${error.message}`;
    return said === null || said === "" ? [] : [`${n}: ${plain(said.split("\n")[0] ?? "")}`];
  });
}

function ending(jobId: string, reason: string | null, why: string | null): string[] {
  if (reason === "choice") return [`Choose one with: hive choose ${jobId} NUMBER`];
  return why === null ? [] : [plain(why)];
}
