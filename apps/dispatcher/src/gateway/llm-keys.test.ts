import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ConfigError, loadConfig } from "../config.ts";
import { readLlmKeys } from "./llm-keys.ts";
import { configuredProviders } from "./llm-settings.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-llm-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function load(yaml: string, env: Readonly<Record<string, string>> = {}) {
  const path = join(folder, `${Math.random()}.yaml`);
  await writeFile(path, yaml);
  const config = loadConfig({ HIVE_CONFIG: path, ...env });
  return { config, keys: () => readLlmKeys(config, (name) => env[name]) };
}

function problemOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.message;
    }
    throw error;
  }
  return "";
}

test("a variable of the environment is the short form of one key", async () => {
  const { config, keys } = await load("", { ANTHROPIC_API_KEY: "sk-ant-api-1", GEMINI_API_KEY: "AIza-2" });
  expect(configuredProviders(config)).toEqual(["anthropic", "gemini"]);
  expect(keys()).toEqual({
    anthropic: {
      baseUrl: "https://api.anthropic.com",
      keys: [{ label: "ANTHROPIC_API_KEY", value: "sk-ant-api-1" }],
    },
    gemini: { keys: [{ label: "GEMINI_API_KEY", value: "AIza-2" }] },
  });
});

test("hive.yaml names several keys by place, with limits, and addresses with or without their version", async () => {
  const file = join(folder, "key");
  await writeFile(file, "  sk-from-file\n");
  const { config, keys } = await load(
    `llm:
  openai:
    baseUrl: https://proxy.example.com/openai/v1/
    keys:
      - env: FIRST
        limit: 4
      - file: ${file}
  local:
    baseUrl: http://127.0.0.1:11434/v1
`,
    { FIRST: "sk-first", OPENAI_API_KEY: "sk-not-listed" },
  );
  expect(configuredProviders(config)).toEqual(["openai", "local"]);
  expect(keys()).toEqual({
    openai: {
      baseUrl: "https://proxy.example.com/openai",
      keys: [
        { label: "FIRST", value: "sk-first", limit: 4 },
        { label: file, value: "sk-from-file" },
      ],
    },
    local: { baseUrl: "http://127.0.0.1:11434", limit: 1, keys: [] },
  });
});

test("an address alone needs the provider's variable, and keeps it", async () => {
  const yaml = "llm: { gemini: { baseUrl: 'https://proxy.example.com/v1beta' } }";
  expect((await load(yaml)).keys()).toEqual({});
  expect((await load(yaml, { GEMINI_API_KEY: "AIza" })).keys()).toMatchObject({
    gemini: { baseUrl: "https://proxy.example.com" },
  });
});

test("all keys that are not there or cannot work are named together, with what to use instead, and never shown", async () => {
  const env = {
    LOGIN: "eyJhbGciOi.secret",
    REFRESH: "sk-ant-ort01-secret",
    ADMIN: "sk-ant-admin01-secret",
    GOOGLE: "ya29.secret",
    LINES: "sk-secret\nx-injected: 1",
  };
  const { keys } = await load(
    `llm:
  anthropic: { keys: [{ env: MISSING }, { env: REFRESH }, { env: ADMIN }] }
  openai: { keys: [{ env: LOGIN }, { env: LINES }] }
  gemini: { keys: [{ env: GOOGLE }, { file: ${folder}/none }] }
`,
    env,
  );
  const problem = problemOf(keys);
  expect(problem).toContain("have 7 problem(s)");
  for (const part of [
    "anthropic: MISSING holds nothing",
    "anthropic: REFRESH is a refresh token of a login. Run `claude setup-token`",
    "anthropic: ADMIN is an administration key",
    "openai: LOGIN is a ChatGPT login",
    "openai: LINES holds more than one word",
    "gemini: GOOGLE is a Google login",
    "none holds nothing",
  ]) {
    expect(problem).toContain(part);
  }
  expect(problem).not.toContain("secret");
});

test("a token of `claude setup-token` is taken", async () => {
  const { keys } = await load("llm: { anthropic: { keys: [{ env: CLAUDE_CODE_OAUTH_TOKEN }] } }", {
    CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-abc",
  });
  expect(keys().anthropic?.keys).toEqual([{ label: "CLAUDE_CODE_OAUTH_TOKEN", value: "sk-ant-oat01-abc" }]);
});

test("a key written into hive.yaml itself is refused", async () => {
  await expect(load("llm: { openai: { keys: [{ value: sk-secret }] } }")).rejects.toThrow(/llm\.openai\.keys/);
  await expect(load("llm: { openai: { keys: [] } }")).rejects.toThrow(/llm\.openai\.keys/);
  await expect(load("llm: { mistral: {} }")).rejects.toThrow(/llm/);
  await expect(load("llm: { local: {} }")).rejects.toThrow(/llm\.local\.baseUrl/);
});
