import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "./config.ts";
import { options } from "./options.ts";
import { imageArguments } from "./fleet/start-fleet.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-config-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(text: string): Promise<string> {
  const path = join(folder, `${Math.random()}.yaml`);
  await writeFile(path, text);
  return path;
}

function problemOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

describe("the settings", () => {
  it("have the documented defaults", async () => {
    const config = loadConfig({ HIVE_CONFIG: await file("") });
    expect(config).toMatchObject({ port: 8099, host: "127.0.0.1", data: "hive-data", store: "sqlite", fleet: "auto" });
    expect(config).toMatchObject({
      allowFileRepos: false,
      allowUnisolated: false,
      allowPrivateAddresses: [],
      repos: [],
    });
  });

  it("come from hive.yaml, and the environment wins", async () => {
    const path = await file("port: 9000\nworkers: 5\nallowPrivateAddresses: [10.0.0.0/8]\n");
    const config = loadConfig({ HIVE_CONFIG: path, HIVE_PORT: "9001" });
    expect(config).toMatchObject({ port: 9001, workers: 5, allowPrivateAddresses: ["10.0.0.0/8"] });
  });

  it("of budgets and prices come from hive.yaml alone, and each mistake is named", async () => {
    const budgets = "budgets: { job: { usd: 2, minutes: 30 }, day: { usd: null, turns: 500 } }";
    const prices = "prices: { my-model: { input: 1, output: 4.5, long: { above: 200000, input: 2, output: 6 } } }";
    const project = 'repos: [{ match: "github.com/acme/*", budget: { day: { usd: 20 } } }]';
    const path = await file([budgets, prices, project].join("\n"));
    const config = loadConfig({ HIVE_CONFIG: path, HIVE_BUDGETS: "ignored" });
    expect(config.budgets).toEqual({ job: { usd: 2, minutes: 30 }, day: { usd: null, turns: 500 } });
    expect(config.prices["my-model"]).toMatchObject({ input: 1, output: 4.5, long: { above: 200_000 } });
    expect(config.repos[0]?.budget).toEqual({ day: { usd: 20 } });
    expect(loadConfig({ HIVE_CONFIG: await file("") })).toMatchObject({ budgets: { job: {}, day: {} }, prices: {} });
    const wrong = await file("budgets: { job: { usd: -1 }, day: { minutes: 5 } }\nprices: { m: { input: 1 } }\n");
    const problem = problemOf(() => loadConfig({ HIVE_CONFIG: wrong }));
    for (const part of ["budgets.job.usd", "budgets.day", "prices.m.output"]) expect(problem).toContain(part);
  });

  it("of the worker image are arguments of its build; agents without a version are refused", async () => {
    const path = await file("");
    expect(imageArguments(loadConfig({ HIVE_CONFIG: path }))).toEqual({});
    const agents = "@anthropic-ai/claude-code@2.1.330 other@1.0";
    const given = { HIVE_AGENT_CLIS: ` ${agents}\n`, HIVE_BASE_IMAGE: "debian-node:1", HIVE_BUILD_TOOLS: "0" };
    expect(imageArguments(loadConfig({ HIVE_CONFIG: path, ...given }))).toEqual({
      BASE_IMAGE: "debian-node:1",
      AGENTS: agents,
      BUILD_TOOLS: "0",
    });
    for (const clis of ["claude", "claude@latest", "claude@1", "a@1.0; rm -rf /", "$(x)@1"])
      expect(problemOf(() => loadConfig({ HIVE_CONFIG: path, HIVE_AGENT_CLIS: clis }))).toContain("HIVE_AGENT_CLIS");
  });

  it("take an empty variable for one that is not set", async () => {
    expect(loadConfig({ HIVE_CONFIG: await file(""), HIVE_PORT: "", HIVE_AGENT: "" }).port).toBe(8099);
  });

  it("that are wrong are all named at once, with where they stand", async () => {
    const path = await file("workers: many\nunknown: 1\nrepos:\n  - match: a/b\n    token: plain-text\n");
    const problem = problemOf(() =>
      loadConfig({ HIVE_CONFIG: path, HIVE_PORT: "70000", INTERNAL_API_TOKEN: "short", HIVE_STORE: "redis" }),
    );
    for (const part of ["HIVE_PORT", "INTERNAL_API_TOKEN", "HIVE_STORE", "workers", "unknown", "repos.0.token"]) {
      expect(problem).toContain(part);
    }
  });

  it("never repeat a secret that is wrong", async () => {
    const path = await file("");
    expect(
      problemOf(() => loadConfig({ HIVE_CONFIG: path, HIVE_WEBHOOK_SECRET: "whsec_oops", CALLBACK_SECRET: "tiny" })),
    ).not.toMatch(/oops|tiny/);
  });

  it("name a file that is not there only when it was asked for", () => {
    expect(problemOf(() => loadConfig({ HIVE_CONFIG: join(folder, "nowhere.yaml") }))).toContain(
      "nowhere.yaml cannot be read",
    );
  });

  it("refuse YAML that is none", async () => {
    const path = await file("port: [");
    expect(problemOf(() => loadConfig({ HIVE_CONFIG: path }))).toContain("is not YAML");
  });

  it("hold pools, and name the one that is wrong with its value", async () => {
    const good = await file("pools:\n  - name: big\n    memory: 32g\n    hours: Mo-Fr 08:00-18:00 UTC\n");
    expect(loadConfig({ HIVE_CONFIG: good }).pools).toMatchObject([{ name: "big", memory: 32 * 2 ** 30 }]);
    const bad = await file("pools:\n  - name: big\n    memory: lots\n    min: -1\n");
    const problem = problemOf(() => loadConfig({ HIVE_CONFIG: bad, HIVE_DOCKER_HOST: "tcp://10.0.0.1:2375" }));
    expect(problem).toContain('pools.0.memory: "lots" is no size');
    expect(problem).toContain("pools.0.min: ");
    expect(problem).toContain("HIVE_DOCKER_HOST: must be a Unix socket of this machine");
  });

  it("each say what they are for", () => {
    for (const option of options) expect(option.about.length, option.name).toBeGreaterThan(20);
  });
});
