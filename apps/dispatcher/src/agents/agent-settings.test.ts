import { describe, expect, it } from "vitest";
import { agentsSchema } from "./agent-settings.ts";
import { refuseArguments } from "./reserved-arguments.ts";

function problems(agents: unknown): readonly string[] {
  const parsed = agentsSchema.safeParse(agents);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("agents in hive.yaml", () => {
  it("take a list of tools for those allowed, and fill in the rest", () => {
    expect(agentsSchema.parse({ claude: { tools: ["Read"] }, aider: { command: "aider" } })).toMatchObject({
      claude: { tools: { allow: ["Read"], deny: [] }, args: [], mcp: {}, thinking: false },
      aider: { command: "aider" },
    });
    const mcp = { docs: { command: "docs" }, web: { url: "https://mcp.example" } };
    expect(agentsSchema.parse({ gemini: { mcp } })["gemini"]?.mcp).toEqual({
      docs: { command: "docs", args: [], env: {} },
      web: { url: "https://mcp.example", headers: {} },
    });
  });

  it("of names that no worker knows need a command, and of those they know may have none", () => {
    expect(problems({ aider: { model: "x" } })[0]).toMatch(
      /^aider\.command: is needed: "aider" is none of claude, codex/,
    );
    expect(problems({ claude: { command: "x" } })[0]).toMatch(/^claude\.command: claude is an agent that Hive knows/);
    expect(problems({ demo: {} })[0]).toMatch(/no settings/);
    expect(problems({ command: { command: "x", promptBy: "file" } })).toEqual([]);
  });

  it("say what an agent cannot be given", () => {
    expect(
      problems({ aider: { command: "x", args: ["-x"], tools: ["a"], mcp: { a: { command: "b" } } } }),
    ).toHaveLength(3);
    expect(problems({ codex: { tools: ["shell"] } })[0]).toMatch(/only web_search can be denied/);
    expect(problems({ codex: { tools: { deny: ["web_search"] } } })).toEqual([]);
    expect(problems({ gemini: { model: "local/x" } })[0]).toMatch(/cannot speak to a local model/);
    expect(problems({ opencode: { model: "gpt" } })[0]).toMatch(/lacks its provider/);
    expect(problems({ claude: { model: "--dangerous" } })[0]).toMatch(/^claude\.model: must be/);
    expect(problems({ claude: { prompt: "x" } })[0]).toMatch(/prompt/);
  });
});

describe("arguments that Hive gives itself", () => {
  it("are refused in every way they can be written", () => {
    for (const args of [["--model=x"], ["--effort", "high", "--resume", "x"], ["-p"], ["--"], ["-"], ["text"]]) {
      expect(refuseArguments("claude", args), args.join(" ")).not.toBeNull();
    }
    for (const args of [
      ["-c", "model_provider=x"],
      ["-cmodel_providers.hive.base_url=x"],
      ["--config=mcp_servers.x.command=y"],
      ["--config", '"notify"=[]'],
      ["--sandbox", "read-only"],
    ]) {
      expect(refuseArguments("codex", args), args.join(" ")).not.toBeNull();
    }
    expect(refuseArguments("opencode", ["--attach=http://x"])).toBe("Hive gives --attach itself");
    expect(refuseArguments("gemini", ["--approval-mode", "plan"])).toBe("Hive gives --approval-mode itself");
  });

  it("leave all others to the operator", () => {
    expect(refuseArguments("claude", ["--effort", "high", "--fallback-model", "opus"])).toBeNull();
    expect(refuseArguments("codex", ["-c", "model_reasoning_effort=high", "--enable", "x"])).toBeNull();
    expect(refuseArguments("opencode", ["--variant", "high"])).toBeNull();
    expect(refuseArguments("gemini", ["--debug"])).toBeNull();
    expect(refuseArguments("claude", [])).toBeNull();
  });
});
