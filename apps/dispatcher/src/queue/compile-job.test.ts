import { createHash } from "node:crypto";
import { NO_LIMITS } from "@hive/core";
import { newJobSchema } from "@hive/protocol";
import { describe, expect, it } from "vitest";
import { agentPolicy } from "../agents/agent-policy.fixture.ts";
import { createGuard } from "../guard/guard.ts";
import { compileJob, type JobPolicy } from "./compile-job.ts";

const NOW = Date.UTC(2026, 10, 23);
const guard = createGuard({ allowPrivate: [] });

function policy(change: Partial<JobPolicy> = {}): JobPolicy {
  return {
    repoRules: { allowFile: false, allowPlainHttp: () => false },
    refuseCallback: (url) => {
      const checked = guard.checkUrl(url, { what: "callback" });
      return checked.ok ? null : checked.message;
    },
    agents: agentPolicy(),
    holdRealAgents: false,
    approvalFor: () => "none",
    verifyRoundsFor: () => 2,
    budgetFor: (_, own) => ({ ...NO_LIMITS, usd: own.usd ?? 5, minutes: own.minutes ?? null }),
    limitedAsOne: () => false,
    refuseAddress: async () => null,
    callbackByDefault: false,
    seal: (jobId, name, text) => ({ sealed: createHash("sha256").update(`${jobId}/${name}/${text}`).digest("hex") }),
    hashKey: new Uint8Array(32).fill(1),
    ...change,
  };
}

function compile(body: object, change: Partial<JobPolicy> = {}) {
  const request = newJobSchema.parse({ repo: "https://github.com/acme/app", task: "test", ...body });
  return compileJob({ request, policy: policy(change), now: NOW, randomId: "job-random", origin: "api" });
}

function job(body: object, change: Partial<JobPolicy> = {}) {
  const compiled = compile(body, change);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.job;
}

function problems(body: object): Record<string, string> {
  const compiled = compile(body);
  return compiled.ok ? {} : Object.fromEntries(compiled.problems.map(({ path, message }) => [path, message]));
}

describe("a job becomes complete", () => {
  it("gets every default", () => {
    expect(job({})).toMatchObject({
      id: "job-random",
      idGiven: false,
      repo: "https://github.com/acme/app",
      key: null,
      agent: null,
      trust: "trusted",
      approval: "none",
      callback: false,
      priority: 5,
      maxAttempts: 3,
      retryOn: "system",
      timeoutMs: 3_600_000,
      hold: null,
      secrets: {},
    });
  });

  it("is limited to one at a time on the branch it names, whatever the spelling of the repository", () => {
    const a = job({ branch: "ci/demo", repo: "https://GitHub.com/Acme/App.git" });
    expect(a.key).toBe("github.com/acme/app#ci/demo");
    expect(job({ branch: "ci/demo", concurrencyKey: "mine" }).key).toBe("mine");
  });

  it("has its token sealed and nowhere else", () => {
    const token = "ghp_0123456789abcdef";
    const made = job({ jobId: "j", githubToken: token });
    expect(made.secrets).toHaveProperty("githubToken");
    expect(JSON.stringify(made)).not.toContain(token);
  });

  it("is called back when it or the server names an address", () => {
    expect(job({ callbackUrl: "https://example.com/hook" }).callback).toBe(true);
    expect(job({}, { callbackByDefault: true }).callback).toBe(true);
  });
});

describe("whether an agent's work is verified", () => {
  const agent = { task: "agent", agent: "demo", instructions: "do" };
  const off = { verifyRoundsFor: () => null };

  it("is said by the job, then by its repository's rule, else it is, with two rounds", () => {
    expect(job(agent).verifyRounds).toBe(2);
    expect(job(agent, { verifyRoundsFor: () => 5 }).verifyRounds).toBe(5);
    expect(job({ ...agent, verifyRounds: 0 }, { verifyRoundsFor: () => 5 }).verifyRounds).toBe(0);
    expect(job({ ...agent, verify: false, verifyRounds: 3 }).verifyRounds).toBeNull();
    expect(job(agent, off).verifyRounds).toBeNull();
    expect(job({ ...agent, verify: true }, off).verifyRounds).toBe(2);
    expect(job({ ...agent, verifyRounds: 1 }, off).verifyRounds).toBe(1);
  });

  it("is no question for other tasks", () => {
    expect(job({}).verifyRounds).toBeNull();
  });
});

describe("the agent", () => {
  const agentic = { task: "agent", instructions: "do it" };

  it("is the job's own, else the server's, and never demo unasked", () => {
    expect(job({ ...agentic, agent: "demo" }, { agents: agentPolicy({ agent: "claude" }) })).toMatchObject({
      agent: "demo",
      hold: null,
    });
    expect(job(agentic, { agents: agentPolicy({ agent: "claude" }) })).toMatchObject({ agent: "claude", hold: null });
    expect(job(agentic)).toMatchObject({ agent: null, hold: "no_agent" });
  });

  it("is held without isolation unless it is the harmless one", () => {
    expect(job({ ...agentic, agent: "claude" }, { holdRealAgents: true }).hold).toBe("no_isolation");
    expect(job({ ...agentic, agent: "command" }, { holdRealAgents: true }).hold).toBe("no_isolation");
    expect(job({ ...agentic, agent: "demo" }, { holdRealAgents: true }).hold).toBeNull();
    expect(job({ task: "script", script: "true" }, { holdRealAgents: true }).hold).toBeNull();
  });

  it("must be one there is", () => {
    expect(problems({ ...agentic, agent: "skynet" })["agent"]).toMatch(
      /no agent "skynet".*claude, codex, opencode, gemini, command, demo/,
    );
  });
});

describe("what cannot be taken is named, all at once", () => {
  it("lists every field", () => {
    const found = problems({
      repo: "ext::sh -c id",
      branch: "-x",
      base: "../../x",
      task: "script",
      changes: [{ path: "a", content: "" }],
    });
    expect(Object.keys(found).sort()).toEqual(["base", "branch", "changes", "repo", "script"]);
  });

  it.each([
    "--upload-pack=touch /tmp/x",
    "ext::sh -c id",
    "file:///etc",
    "git@github.com:a/b.git",
    "http://github.com/a/b",
    "https://u:p@github.com/a/b",
    "/etc",
  ])("refuses the repository %s", (repo) => expect(problems({ repo })["repo"]).toBeTruthy());

  it.each(["-x", "../../x", "refs/heads/../x", "a..b", "a b", "HEAD", "x.lock", "@{-1}"])(
    "refuses the branch %s",
    (branch) => {
      expect(problems({ branch })["branch"]).toBeTruthy();
      expect(problems({ base: branch })["base"]).toBeTruthy();
    },
  );

  it.each([
    "http://127.0.0.1/x",
    "http://[::1]/x",
    "http://0x7f.1/x",
    "http://2130706433/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest",
    "http://[::ffff:127.0.0.1]/",
    "https://user:pw@example.com/",
    "ftp://example.com/",
    "http://localhost:8080/",
  ])("refuses the callback %s", (callbackUrl) => expect(problems({ callbackUrl })["callbackUrl"]).toBeTruthy());

  it("takes runAt in the past as at once, and nothing beyond a year", () => {
    expect(job({ runAt: "2020-01-01T00:00:00Z" }).runAt).toBeNull();
    expect(job({ runAt: "2026-12-01T00:00:00+02:00" }).runAt).toBe(Date.UTC(2026, 10, 30, 22));
    expect(problems({ runAt: "9999-01-01T00:00:00Z" })["runAt"]).toMatch(/more than a year/);
  });

  it("needs what the task needs and refuses what it does not use", () => {
    expect(problems({ task: "agent" })).toHaveProperty("instructions");
    expect(problems({ task: "analyze" })).toHaveProperty("instructions");
    expect(problems({ task: "script" })).toHaveProperty("script");
    expect(problems({ task: "changes" })).toHaveProperty("changes");
    expect(problems({ task: "test", script: "true" })).toHaveProperty("script");
    expect(problems({ task: "lint", agent: "claude" })).toHaveProperty("agent");
    expect(problems({ task: "test", instructions: "for people" })).toEqual({});
  });

  it("does not let a job wait for itself", () => {
    expect(problems({ jobId: "a", dependsOn: ["a"] })["dependsOn"]).toMatch(/itself/);
  });
});

describe("what makes two requests the same", () => {
  it("is what was sent, in any order, without tokens and defaults", () => {
    const one = job({ jobId: "a", metadata: { a: 1, b: [1, { c: 2 }] }, githubToken: "one" });
    const two = job(
      { githubToken: "two", metadata: { b: [1, { c: 2 }], a: 1 }, jobId: "a" },
      { agents: agentPolicy({ agent: "claude" }) },
    );
    expect(two.bodyHash).toBe(one.bodyHash);
    expect(job({ jobId: "a", metadata: { a: 1, b: [1, { c: 3 }] } }).bodyHash).not.toBe(one.bodyHash);
    expect(job({ jobId: "a", priority: 5 }).bodyHash).not.toBe(job({ jobId: "a" }).bodyHash);
    expect(job({ jobId: "a" }, { hashKey: new Uint8Array(32) }).bodyHash).not.toBe(job({ jobId: "a" }).bodyHash);
  });
});
