/** The `hive` command: a thin layer over the SDK. Every command takes `--json`. */

import { ApiError, UnreachableError } from "@hive/sdk";
import { Command } from "commander";
import { addBackupCommands } from "./commands/backup.ts";
import { addCandidateCommands } from "./commands/candidates.ts";
import { addCommentCommands } from "./commands/comments.ts";
import { addJobCommands } from "./commands/jobs.ts";
import { addNotifyCommands } from "./commands/notify.ts";
import { addScheduleCommands } from "./commands/schedules.ts";
import { addSourceCommands } from "./commands/sources.ts";
import { addServerCommands } from "./commands/server.ts";
import { loadCliConfig } from "./config.ts";
import { CliError, createContext, type Context } from "./context.ts";
import { createOutput, plain } from "./output.ts";

const program = new Command("hive")
  .description("Hive: a self-hosted queue for AI work")
  .option("--json", "answer with JSON")
  .option("--url <url>", "where the server is (default: HIVE_URL, else http://localhost:8099)")
  .showHelpAfterError("(see: hive --help)");

function context(): Context {
  const given = program.opts<{ json?: boolean; url?: string }>();
  const config = loadCliConfig();
  return createContext(
    given.url === undefined ? config : { ...config, url: given.url },
    createOutput(given.json === true),
  );
}

addJobCommands(program, context);
addCommentCommands(program, context);
addCandidateCommands(program, context);
addScheduleCommands(program, context);
addSourceCommands(program, context);
addNotifyCommands(program, context);
addServerCommands(program, context);
addBackupCommands(program, context);
// `hive ls --json` reads better than `hive --json ls`: both are taken.
for (const command of program.commands) {
  command.option("--json", "answer with JSON").on("option:json", () => program.setOptionValue("json", true));
}

try {
  await program.parseAsync();
} catch (error) {
  const known = error instanceof CliError || error instanceof ApiError || error instanceof UnreachableError;
  if (!known && !isMissingFile(error)) throw error;
  const problem = error instanceof ApiError ? error.problem : { code: "cli", detail: error.message };
  process.stderr.write(
    program.opts<{ json?: boolean }>().json === true ? `${JSON.stringify(problem)}\n` : `${plain(explain(error))}\n`,
  );
  process.exitCode = 1;
}

function isMissingFile(error: unknown): error is Error {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EACCES");
}

function explain(error: Error): string {
  if (!(error instanceof ApiError)) return error.message;
  const fields = (error.problem.fields ?? []).map((field) => `\n  ${field.path}: ${field.message}`).join("");
  return `${error.message}${fields} (${error.code})`;
}
