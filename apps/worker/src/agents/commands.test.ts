/** What adapters make of the operator's settings: arguments, environment and files, before any program runs. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentSettings, DEFAULT_AGENT_SETTINGS } from "@hive/protocol";
import { describe, expect, test } from "vitest";
import { run } from "../process/run.ts";
import { claudeAdapter } from "./claude.ts";
import { codexAdapter } from "./codex.ts";
import { commandAdapter } from "./command.ts";
import { type AgentInput, AgentUnavailableError } from "./contract.ts";
import { geminiAdapter } from "./gemini.ts";
import { withFiles } from "./home-files.ts";
import { opencodeAdapter } from "./opencode.ts";
import { adapterFor, listAgents } from "./registry.ts";
import { toTomlValue } from "./toml.ts";

const MCP: AgentSettings["mcpServers"] = {
  docs: { command: "docs-server", args: ["--port", "0"], env: { TOPIC: 'bees "and" hives' } },
  web: { url: "https://mcp.example/", headers: { "x-team": "hive" } },
};

function inputWith(settings: Partial<AgentSettings> = {}, more: Partial<AgentInput> = {}): AgentInput {
  return {
    prompt: "words of the job",
    instructions: "words of the job",
    workspace: "/job/it's/repo",
    home: "/job/home",
    output: "/job/output",
    llmBaseUrl: "http://127.0.0.1:9/",
    llmToken: "lease-token",
    settings: { ...DEFAULT_AGENT_SETTINGS, ...settings },
    resume: null,
    env: { PATH: "/usr/bin:/bin", HOME: "/job/home" },
    ...more,
  };
}

const PROGRAMS = [
  [claudeAdapter, "sonnet", "http://127.0.0.1:9/llm/anthropic"],
  [codexAdapter, "gpt", "http://127.0.0.1:9/llm/openai/v1"],
  [opencodeAdapter, "anthropic/claude", "http://127.0.0.1:9/llm/anthropic/v1"],
  [geminiAdapter, "gemini-pro", "http://127.0.0.1:9/llm/gemini"],
] as const;

describe.each(PROGRAMS)("$0.name", (adapter, model, address) => {
  test("has one way to a model, the lease's token in its environment alone, and the prompt on its input", () => {
    const command = adapter.command(inputWith({ model }));
    expect(command.stdin).toBe("words of the job");
    expect(command.argv.join(" ")).not.toMatch(/words of the job|lease-token/);
    expect(`${command.argv.join(" ")} ${JSON.stringify(command.env)}`).toContain(address);
    expect(JSON.stringify(command.env)).toContain("lease-token");
    expect(() => adapter.command(inputWith({ model }, { llmBaseUrl: null }))).toThrow(/HIVE_LLM_URL/);
  });

  test("is told the operator's model, arguments, words and servers", () => {
    const settings = { model, args: ["--own-argument"], systemPrompt: "Be brief.", mcpServers: MCP };
    const { argv, env } = adapter.command(inputWith(settings));
    expect(argv).toContain("--own-argument");
    expect(argv).toContain(model);
    const told = `${argv.join("\n")}\n${JSON.stringify(env)}`;
    for (const word of ["Be brief.", "docs-server", "https://mcp.example/", "x-team"]) expect(told).toContain(word);
    expect(told).toMatch(/bees \\+"and/);
  });
});

test("a local model is reached through the operator's own server, by every program that can speak to one", () => {
  const local = inputWith({ model: "local/coder" });
  expect(claudeAdapter.command(local)).toMatchObject({
    argv: expect.arrayContaining(["--model", "coder"]),
    env: { ANTHROPIC_BASE_URL: "http://127.0.0.1:9/llm/local" },
  });
  expect(codexAdapter.command(local).argv.join(" ")).toContain('"base_url"="http://127.0.0.1:9/llm/local/v1"');
  expect(opencodeAdapter.command(local).env["OPENCODE_CONFIG_CONTENT"]).toContain("http://127.0.0.1:9/llm/local/v1");
  expect(() => geminiAdapter.command(local)).toThrow(AgentUnavailableError);
});

test("OpenCode without a model, or with one nobody can reach, says what to set", () => {
  expect(() => opencodeAdapter.command(inputWith())).toThrow(/agents\.opencode\.model/);
  expect(() => opencodeAdapter.command(inputWith({ model: "claude" }))).toThrow(/not "claude"/);
  expect(() => opencodeAdapter.command(inputWith({ model: "groq/x" }))).toThrow(/no "groq"/);
});

test("tools are allowed and denied in each program's own way", () => {
  const tools = { allow: ["Read", "Edit"], deny: ["Bash"] };
  const claude = claudeAdapter.command(inputWith({ tools })).argv;
  expect(claude[claude.indexOf("--tools") + 1]).toBe("Read,Edit");
  expect(claude[claude.indexOf("--disallowedTools") + 1]).toMatch(/,Bash$/);
  const config: unknown = JSON.parse(
    opencodeAdapter.command(inputWith({ tools, model: "local/x" })).env["OPENCODE_CONFIG_CONTENT"] ?? "",
  );
  expect(config).toMatchObject({ tools: { "*": false, Read: true, Edit: true, Bash: false } });
  expect(geminiAdapter.command(inputWith({ tools })).argv.join(" ")).toMatch(
    /"core":\["Read","Edit"\],"exclude":\["Bash"\]/,
  );
  const codex = codexAdapter.command(inputWith({ tools: { allow: null, deny: ["web_search"] } })).argv;
  expect(codex).toContain('web_search="disabled"');
});

test("a session is gone on with by its id", () => {
  const more = { resume: { sessionId: "0c14285d-c296", totals: null } };
  const claude = claudeAdapter.command(inputWith({}, more)).argv;
  expect(claude[claude.indexOf("--resume") + 1]).toBe("0c14285d-c296");
  expect(codexAdapter.command(inputWith({}, more)).argv.slice(-3)).toEqual(["resume", "0c14285d-c296", "-"]);
  const opencode = opencodeAdapter.command(inputWith({ model: "local/x" }, more)).argv;
  expect(opencode[opencode.indexOf("--session") + 1]).toBe("0c14285d-c296");
  // The folder goes into SQL.
  expect(opencode).toContain("/job/it''s/repo");
  expect(geminiAdapter.command(inputWith({}, more)).argv).toContain("0c14285d");
});

test("files are written into the home before the program takes the shell's place, whatever is in them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hive-home-"));
  try {
    const text = "$(touch hacked) `id` 'quoted' \"too\" --\n\n";
    const path = join(folder, "a b/c/settings.json");
    let printed = "";
    const result = await run({
      argv: withFiles({ [path]: text, [join(folder, "d")]: "" }, ["/bin/sh", "-c", 'echo "$0 $1"', "x", "--"]),
      cwd: folder,
      env: { PATH: "/usr/bin:/bin" },
      onOutput: (chunk) => {
        printed += Buffer.from(chunk).toString();
      },
    });
    expect(result.exitCode).toBe(0);
    expect(printed).toBe("x --\n");
    expect(await readFile(path, "utf8")).toBe(text);
    expect((await readdir(folder)).sort()).toEqual(["a b", "d"]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("settings are written as TOML", () => {
  expect(toTomlValue({ a: 'x"y\n\u007f', b: [1, true, []], "c.d": {} })).toBe(
    '{"a"="x\\"y\\n\\u007f","b"=[1,true,[]],"c.d"={}}',
  );
  expect(() => toTomlValue({ a: null })).toThrow(TypeError);
  expect(() => toTomlValue(1.5)).toThrow(TypeError);
});

describe("an agent that is any command", () => {
  const command = { line: "aider --message-file $HIVE_PROMPT_FILE", promptBy: "file" } as const;

  test("comes with the job under its own name; without one the worker's own is meant", () => {
    const adapters = listAgents({ agentCommand: "own", realAgents: true });
    const named = adapterFor(adapters, { agent: "aider", agentSettings: { ...DEFAULT_AGENT_SETTINGS, command } });
    expect(named?.name).toBe("aider");
    expect(named?.command(inputWith({ model: "gpt" }))).toMatchObject({
      argv: expect.arrayContaining([command.line]),
      env: { HIVE_MODEL: "gpt", HIVE_LLM_TOKEN: "lease-token", HIVE_LLM_URL: "http://127.0.0.1:9/" },
    });
    const plain = (agent: string) => adapterFor(adapters, { agent, agentSettings: DEFAULT_AGENT_SETTINGS })?.name;
    expect(plain("command")).toBe("command");
    expect(plain("codex")).toBe("codex");
    expect(plain("aider")).toBeUndefined();
  });

  test("reads its prompt from a file with its input closed, the operator's words first", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hive-command-"));
    try {
      const adapter = commandAdapter({ line: 'cat - "$HIVE_PROMPT_FILE"', promptBy: "file" });
      const input = inputWith({ systemPrompt: "Be brief." }, { output: folder, home: folder });
      const { argv, env, stdin = "" } = adapter.command(input);
      let printed = "";
      await run({
        ...{ argv, env, stdin, cwd: folder },
        onOutput: (chunk) => {
          printed += Buffer.from(chunk).toString();
        },
      });
      expect(printed).toBe("Be brief.\n\nwords of the job");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

test("what a resumed Claude Code says of the whole session is taken as a difference", () => {
  const costOf = (total: number, before: number | null): number | null => {
    const totals = { inputTokens: 5, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: before };
    const parser = claudeAdapter.parser({
      settings: DEFAULT_AGENT_SETTINGS,
      resume: { sessionId: "x", totals },
      workspace: "/job/repo",
    });
    const result = { type: "result", subtype: "success", is_error: false, result: "x", usage: { input_tokens: 2 } };
    const modelUsage = { sonnet: { costBasis: "list" } };
    parser.push(JSON.stringify({ ...result, total_cost_usd: total, modelUsage }));
    const end = parser.end({ exitCode: 0, signal: null, reason: "exited", outputBytes: 1, survivors: 0 });
    expect(end).toMatchObject({ usage: { inputTokens: 2 }, totals: { inputTokens: 7 } });
    return end.costUsd;
  };
  expect(costOf(3, 1)).toBe(2);
  // A version whose sum begins anew with each run.
  expect(costOf(1, 3)).toBe(1);
  expect(costOf(3, null)).toBeNull();
});
