/**
 * The dispatcher's settings: `hive.yaml` and the environment, through one schema. Every problem is listed at once and the
 * server refuses to start. Nothing else reads `process.env`. The environment wins over the file.
 */

import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { agentProblems } from "./agents/agent-policy.ts";
import { options, table } from "./options.ts";

/** Lists of rules, which no variable could hold well. */
const FILE_ONLY: ReadonlySet<string> = new Set([
  "repos",
  "callbackKeys",
  "pools",
  "budgets",
  "prices",
  "llm",
  "agents",
  "stuck",
  "schedules",
  "sources",
  "notify",
]);

export type Config = { readonly [K in keyof typeof table]: z.output<(typeof table)[K]["schema"]> };

/** The settings cannot be used; the message lists every problem. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

function readFile(path: string, required: boolean): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const parsed: unknown = parseYaml(text) ?? {};
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (error) {
    throw new ConfigError(`${path} is not YAML: ${(error as Error).message}`);
  }
  throw new ConfigError(`${path} must hold settings by name, such as "port: 8099"`);
}

/**
 * The settings of this process. `HIVE_CONFIG` names another file than `hive.yaml`.
 * @throws ConfigError listing every problem.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const path = env["HIVE_CONFIG"] ?? "hive.yaml";
  const file = readFile(path, env["HIVE_CONFIG"] !== undefined);
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [field, { name, key, schema }] of Object.entries(table)) {
    // An empty variable is an unset one: compose files and shells make those.
    const fromEnv = FILE_ONLY.has(key ?? "") || env[name] === "" ? undefined : env[name];
    const value = fromEnv ?? (key === null ? undefined : file[key]);
    const source = fromEnv !== undefined ? name : `${path}: ${key}`;
    const parsed = schema.safeParse(value);
    if (parsed.success) config[field] = parsed.data;
    else
      for (const issue of parsed.error.issues) problems.push(`${[source, ...issue.path].join(".")}: ${issue.message}`);
  }
  const known = new Set(options.map((one) => one.key));
  for (const key of Object.keys(file)) if (!known.has(key)) problems.push(`${path}: ${key}: there is no such setting`);
  if (problems.length === 0) problems.push(...agentProblems(config as Config));
  if (problems.length > 0)
    throw new ConfigError(
      `The settings have ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join("\n")}`,
    );
  return config as Config;
}

/** The environment this process was started with. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}
