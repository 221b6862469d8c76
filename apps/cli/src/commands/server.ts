/** The commands around the server: token, doctor, demo. */

import type { Command } from "commander";
import { CliError, type Context } from "../context.ts";
import { runDemo } from "../demo/demo.ts";
import { type Check, checkup } from "../doctor/checkup.ts";
import { dayTable } from "../money-text.ts";
import { poolTable } from "../pool-table.ts";
import { checkRepository } from "../doctor/repository.ts";

const MARK: Readonly<Record<Check["state"], string>> = { ok: "ok  ", note: "note", bad: "BAD " };

/** Adds the commands around the server. */
export function addServerCommands(program: Command, context: () => Context): void {
  program
    .command("token")
    .description("print the token of the server's first start, for: export INTERNAL_API_TOKEN=$(hive token)")
    .action(() => {
      const { config, output } = context();
      if (config.token === undefined) {
        throw new CliError(
          `There is no ${config.dataDir}/secrets.env here yet: npm start writes it. Run this in the server's folder.`,
        );
      }
      output.answer({ token: config.token, from: config.tokenFrom }, () => config.token ?? "");
    });

  program
    .command("doctor")
    .description("check this machine and the server; with --repo, what a token may do there")
    .option("--repo <url>", "a repository to look at")
    .option("--github-token-file <file>", "the token to try there (default: GITHUB_TOKEN)")
    .action(async (options: { repo?: string; githubTokenFile?: string }) => {
      const { config, output } = context();
      const checks = await checkup(config);
      if (options.repo !== undefined) checks.push(...(await checkRepository(options.repo, options.githubTokenFile)));
      output.answer({ checks }, () =>
        checks.map((check) => `${MARK[check.state]}  ${check.name.padEnd(12)} ${check.text}`).join("\n"),
      );
      if (checks.some((check) => check.state === "bad")) process.exitCode = 1;
    });

  program
    .command("pools")
    .description("the kinds of workers this server starts: how many, how many there should be, what is in the way")
    .action(async () => {
      const { hive, output } = context();
      const pools = await hive().pools();
      output.answer({ pools }, () => poolTable(pools));
    });

  program
    .command("budgets")
    .description("what model calls may use in a day and have used, in all and by project")
    .option("--day <date>", "a day in UTC, such as 2026-11-23 (default: today)")
    .action(async ({ day }: { day?: string }) => {
      const { hive, output } = context();
      const budgets = await hive().budgets(day);
      output.answer(budgets, () => dayTable(budgets));
    });

  program
    .command("demo")
    .description("start a server with a small repository and run real jobs on it")
    .option("--exit", "end when the jobs are over: 0 only if all succeeded and their branches are in the repository")
    .action(async (options: { exit?: boolean }) => {
      const { output } = context();
      process.exitCode = await runDemo({ exit: options.exit === true, output });
    });
}
