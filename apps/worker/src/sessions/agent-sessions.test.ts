/** Which session the next attempt gets, with real tar and a dispatcher that is a map in memory. */

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SessionRef } from "@hive/core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AgentAdapter } from "../agents/contract.ts";
import { demoAdapter } from "../agents/demo.ts";
import { beginAttempt } from "../attempt.ts";
import type { AgentSessions } from "../conversation/contract.ts";
import type { Slot } from "../process/agent-user.ts";
import type { Findings } from "../running-job.ts";
import { leasedJob } from "../tasks/leased-job-fixture.ts";
import { failed } from "../tasks/task-context.ts";
import { createAgentSessions, SESSION_ARTIFACT, type SessionJob } from "./agent-sessions.ts";
import { SESSION_LIMITS } from "./session-files.ts";

let folder: string;
let slot: Slot;
const artifacts = new Map<string, Uint8Array>();
let said: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-agent-sessions-"));
  const place = (name: string): string => join(folder, "slot", name);
  slot = {
    user: undefined,
    isolation: "none",
    limits: {},
    home: place("home"),
    tmp: place("tmp"),
    workspace: place("w"),
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => {
  artifacts.clear();
  said = [];
});

/** An agent that has sessions. */
const chatty: AgentAdapter = {
  ...demoAdapter,
  name: "chatty",
  sessionFiles: [".chatty"],
  workspaceNames: (workspace) => [workspace.replaceAll("/", "-")],
};
const TOTALS = { inputTokens: 7, outputTokens: 5, cacheReadTokens: 3, cacheWriteTokens: 1, costUsd: null };

interface Opened {
  readonly sessions: AgentSessions;
  readonly findings: Pick<Findings, "session" | "artifacts" | "task">;
  readonly attempt: ReturnType<typeof beginAttempt>;
}

let fences = 0;

/** An attempt of a job on a slot that was emptied. */
function open(session: SessionRef | null, more: Partial<SessionJob> = {}): Opened {
  fences += 1;
  const fence = fences;
  for (const path of [slot.home, slot.tmp]) {
    mkdirSync(path, { recursive: true });
    for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
  }
  const own = join(folder, `attempt-${fence}`);
  mkdirSync(own);
  const attempt = beginAttempt("job-1", fence);
  const findings: Opened["findings"] = { session, artifacts: [], task: null };
  const running = {
    lease: { job: { ...leasedJob, session } },
    attempt,
    folder: own,
    findings,
    calls: {
      async getArtifact(of: number, name: string, file: string): Promise<void> {
        const bytes = artifacts.get(`${of}/${name}`);
        if (bytes === undefined) throw new Error(`there is no ${name} of attempt ${of}`);
        await writeFile(file, bytes);
      },
    },
    say: (line: string) => Promise.resolve(void said.push(line)),
    keep(name: string, bytes: Uint8Array) {
      artifacts.set(`${fence}/${name}`, bytes);
      return Promise.resolve({ name, bytes: bytes.byteLength, sha256: "" });
    },
  };
  const sessions = createAgentSessions({ running, slot, workspace: `/jobs/${fence}/repo`, ...more });
  return { sessions, findings, attempt };
}

function write(path: string, text = "x"): void {
  mkdirSync(dirname(join(slot.home, path)), { recursive: true });
  writeFileSync(join(slot.home, path), text);
}

/** An attempt that leaves a session. */
async function kept(): Promise<{ readonly session: SessionRef; readonly fence: number }> {
  const { sessions, findings, attempt } = open(null);
  write(`.chatty/-jobs-${attempt.fence}-repo/log`);
  sessions.note({ adapter: chatty, sessionId: "s-1", totals: TOTALS });
  await sessions.keep();
  if (findings.session === null) throw new Error(said.join("\n"));
  return { session: findings.session, fence: attempt.fence };
}

test("a session that was kept is put back for the next attempt, under the names of its working copy", async () => {
  const { session, fence } = await kept();
  expect(session).toEqual({ fence, artifact: SESSION_ARTIFACT, agent: "chatty", sessionId: "s-1", totals: TOTALS });
  const { sessions, attempt } = open(session);
  expect(await sessions.restore(chatty)).toEqual({ sessionId: "s-1", totals: TOTALS });
  expect(existsSync(join(slot.home, `.chatty/-jobs-${attempt.fence}-repo/log`))).toBe(true);
  expect(said.at(-1)).toBe("session: going on with s-1");
});

test("the session of another agent, one that is gone and one of an agent without sessions are not used", async () => {
  const { session } = await kept();
  const { sessions } = open(session);
  expect(await sessions.restore({ ...chatty, name: "other" })).toBeNull();
  expect(said.at(-1)).toBe("session: the one that was kept is chatty's; other begins a new one");
  expect(await sessions.restore({ ...chatty, sessionFiles: [] })).toBeNull();
  artifacts.clear();
  expect(await sessions.restore(chatty)).toBeNull();
  expect(said.at(-1)).toMatch(/cannot be used: there is no session/);
  expect(await open(null).sessions.restore(chatty)).toBeNull();
});

test("an attempt in which no turn had a session leaves the one it was given", async () => {
  const { session } = await kept();
  const { sessions, findings } = open(session);
  await sessions.keep();
  expect(findings.session).toEqual(session);
});

test("an attempt that broke with its session, or went in circles, leaves none", async () => {
  const { session } = await kept();
  for (const code of ["agent_stuck", "agent_error", "agent_crashed"]) {
    const { sessions, findings } = open(session);
    write(".chatty/log");
    sessions.note({ adapter: chatty, sessionId: "s-2", totals: null });
    findings.task = failed({ code, kind: "work", message: "" });
    await sessions.keep();
    expect(findings.session).toBeNull();
  }
  const { sessions, findings } = open(session);
  write(".chatty/log");
  sessions.note({ adapter: chatty, sessionId: "s-2", totals: null });
  findings.task = failed({ code: "timeout", kind: "work", message: "" });
  await sessions.keep();
  expect(findings.session).toMatchObject({ sessionId: "s-2", totals: null });
});

test("a session is kept of work that was stopped, but not once the lease is over", async () => {
  const stopped = open(null);
  write(".chatty/log");
  stopped.sessions.note({ adapter: chatty, sessionId: "s-1", totals: null });
  stopped.attempt.stop({ why: "timeout", reason: "" });
  await stopped.sessions.keep();
  expect(stopped.findings.session).toMatchObject({ sessionId: "s-1" });
  const lost = open(null);
  write(".chatty/log");
  lost.sessions.note({ adapter: chatty, sessionId: "s-1", totals: null });
  lost.attempt.stop({ why: "stale", reason: "" });
  await lost.sessions.keep();
  expect([lost.findings.session, artifacts.size]).toEqual([null, 1]);
});

test("an agent that ended over a call the quota refused it keeps its session", async () => {
  const { sessions, findings, attempt } = open(null);
  write(".chatty/log");
  sessions.note({ adapter: chatty, sessionId: "s-1", totals: null });
  findings.task = failed({ code: "agent_error", kind: "work", message: "" });
  attempt.stop({ why: "quota", reason: "back at noon" });
  await sessions.keep();
  expect(findings.session).toMatchObject({ sessionId: "s-1" });
});

test("a session that is too large is not kept, which the log says", async () => {
  const { session } = await kept();
  const { sessions, findings } = open(session, { limits: { ...SESSION_LIMITS, unpackedBytes: 1_000 } });
  write(".chatty/log", "x".repeat(2_000));
  sessions.note({ adapter: chatty, sessionId: "s-2", totals: null });
  await sessions.keep();
  expect(findings.session).toBeNull();
  expect(said.at(-1)).toBe("session: it is not kept: it has more than 1000 bytes unpacked");
});

test("an attempt that is stopped while its session is put back ends there", async () => {
  const { session } = await kept();
  const { sessions, attempt } = open(session);
  attempt.stop({ why: "canceled", reason: "nobody needs it" });
  await expect(sessions.restore(chatty)).rejects.toThrow("nobody needs it");
});
