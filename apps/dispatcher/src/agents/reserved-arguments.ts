/**
 * Arguments of agents' programs that Hive gives itself: how it starts a program without a person, reads what it does,
 * and sees to it that its only way to a model is the gateway. Whoever adds arguments in `hive.yaml` may not change these.
 */

/** Agents with a program of their own, known to every worker. */
export type ProgramAgent = "claude" | "codex" | "opencode" | "gemini";

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

const RESERVED: Readonly<Record<ProgramAgent, ReadonlySet<string>>> = {
  claude: words(`
    -p --print --output-format --input-format --verbose --include-partial-messages --replay-user-messages
    --dangerously-skip-permissions --allow-dangerously-skip-permissions --permission-mode --permission-prompt-tool
    --setting-sources --settings --strict-mcp-config --mcp-config --plugin-dir --model --append-system-prompt --tools
    --allowedTools --allowed-tools --disallowedTools --disallowed-tools -r --resume -c --continue --session-id
    --fork-session --no-session-persistence --from-pr --bg --background --cloud --environment --ide --chrome
    -w --worktree --tmux --debug-file -h --help -v --version`),
  codex: words(`
    --json -m --model -p --profile -s --sandbox -C --cd --add-dir --worktree --oss --local-provider --trust --ephemeral
    --dangerously-bypass-approvals-and-sandbox --dangerously-bypass-hook-trust --approve-for-me --skip-git-repo-check
    --ignore-user-config --ignore-rules --thread-source --color -o --output-last-message --output-schema --strict-config
    resume fork review help -h --help -V --version`),
  opencode: words(`
    --format -m --model -s --session -c --continue --fork --share --attach -p --password -u --username --dir --port
    -i --interactive --auto --pure --thinking --title --command -f --file --print-logs -h --help -v --version`),
  gemini: words(`
    -o --output-format -p --prompt -i --prompt-interactive --approval-mode -y --yolo --skip-trust -m --model -r --resume
    --session-file --session-id --list-sessions --delete-session --acp --experimental-acp -w --worktree -s --sandbox
    --allowed-mcp-server-names --allowed-tools --policy --admin-policy --fake-responses -e --extensions
    -l --list-extensions --raw-output --accept-raw-output-risk -h --help -v --version`),
};

/** Settings of Codex that Hive gives as `-c KEY=VALUE`; keys below them count too. */
const CODEX_KEYS = [
  "model_provider",
  "model_providers",
  "model",
  "openai_base_url",
  "chatgpt_base_url",
  "profile",
  "profiles",
  "sandbox_mode",
  "approval_policy",
  "project_doc_max_bytes",
  "developer_instructions",
  "mcp_servers",
  "notify",
  "hooks",
  "projects",
  "otel",
] as const;

/** Says which of the arguments may not be given, or null. */
export function refuseArguments(agent: ProgramAgent, args: readonly string[]): string | null {
  const [first] = args;
  if (first !== undefined && !first.startsWith("-"))
    return `"${first}" would be taken for the prompt; begin with an option`;
  for (const [at, argument] of args.entries()) {
    const name = argument.split("=", 1)[0] ?? "";
    if (name === "-" || name === "--" || RESERVED[agent].has(name)) return `Hive gives ${name} itself`;
    if (agent !== "codex") continue;
    const setting = codexSetting(argument, args[at + 1]);
    if (setting !== null && CODEX_KEYS.some((key) => setting === key || setting.startsWith(`${key}.`))) {
      return `Hive sets ${setting} itself`;
    }
  }
  return null;
}

/** The key that an argument sets: `-c key=value`, `-ckey=value`, `--config key=value`, `--config=key=value`. */
function codexSetting(argument: string, next: string | undefined): string | null {
  const given = argument === "-c" || argument === "--config" ? next : /^(?:--config=|-c=?)(.*)$/s.exec(argument)?.[1];
  return given === undefined ? null : (given.split("=", 1)[0] ?? "").trim().replaceAll('"', "");
}
