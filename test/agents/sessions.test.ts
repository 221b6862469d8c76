/**
 * The sessions of the real agent programs on their way between two attempts: kept from one home, put back into another,
 * beside another working copy. What the program then sends to its model shows whether it really goes on.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, request as ask, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { DEFAULT_AGENT_SETTINGS } from "@hive/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claudeAdapter } from "../../apps/worker/src/agents/claude.ts";
import { codexAdapter } from "../../apps/worker/src/agents/codex.ts";
import {
  type AgentAdapter,
  type AgentEnd,
  type AgentInput,
  RESUME_REJECTED,
  type ResumedSession,
} from "../../apps/worker/src/agents/contract.ts";
import { geminiAdapter } from "../../apps/worker/src/agents/gemini.ts";
import { opencodeAdapter } from "../../apps/worker/src/agents/opencode.ts";
import { runAgent } from "../../apps/worker/src/agents/run-agent.ts";
import type { Slot } from "../../apps/worker/src/process/agent-user.ts";
import { packSession, SESSION_LIMITS, unpackSession } from "../../apps/worker/src/sessions/session-files.ts";
import { type ModelServer, startModels } from "../peers/models/model-server.ts";
import { say, write } from "../peers/models/steps.ts";

const PROGRAMS = [
  { adapter: claudeAdapter, model: "claude-sonnet-4-5" },
  { adapter: codexAdapter, model: "gpt-5.1-codex" },
  { adapter: opencodeAdapter, model: "local/coder" },
  { adapter: geminiAdapter, model: "gemini-2.5-pro" },
].map((one) => ({ ...one, name: one.adapter.name }));
const binOf = (name: string): string => join(import.meta.dirname, "../peers", name, "node_modules/.bin");
const installed = PROGRAMS.filter(({ name }) => existsSync(join(binOf(name), name)));
const systemPath = process.env["PATH"] ?? "/usr/bin:/bin";

let folder: string;
let models: ModelServer;
let gateway: Server;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-agent-sessions-"));
  models = await startModels();
  gateway = createServer((incoming, response) => {
    const path = (incoming.url ?? "").replace(/^\/llm\/\w+/, "");
    const { method = "GET", headers } = incoming;
    const onward = ask(`${models.url}${path}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
afterAll(async () => {
  gateway.closeAllConnections();
  gateway.close();
  await models.close();
  await rm(folder, { recursive: true, force: true });
});

interface Place {
  readonly slot: Slot;
  readonly workspace: string;
  readonly output: string;
}

/** Home, temporary folder and working copy of one attempt. */
async function makePlace(name: string): Promise<Place> {
  const at = join(folder, name);
  const slot: Slot = {
    user: undefined,
    isolation: "none",
    limits: {},
    home: join(at, "home"),
    tmp: join(at, "tmp"),
    workspace: join(at, "workspace"),
  };
  const place = { slot, workspace: join(at, `attempt-of-${name}`, "repo"), output: join(at, "output") };
  for (const path of [slot.home, slot.tmp, place.workspace, place.output]) await mkdir(path, { recursive: true });
  return place;
}

interface Program {
  readonly adapter: AgentAdapter;
  readonly model: string;
}

async function runIn(
  place: Place,
  { adapter, model }: Program,
  prompt: string,
  resume: ResumedSession | null,
): Promise<AgentEnd> {
  const { slot, workspace, output } = place;
  const input: AgentInput = {
    prompt,
    instructions: prompt,
    workspace,
    home: slot.home,
    output,
    llmBaseUrl: url,
    llmToken: "lease.token.value",
    settings: { ...DEFAULT_AGENT_SETTINGS, model },
    resume,
    env: {
      PATH: [binOf(adapter.name), systemPath].join(delimiter),
      HOME: slot.home,
      TMPDIR: slot.tmp,
      LANG: "C.UTF-8",
    },
  };
  const { end } = await runAgent({
    adapter,
    input,
    user: undefined,
    signal: new AbortController().signal,
    timeoutMs: 120_000,
    idleTimeoutMs: null,
    maxOutputBytes: 100_000_000,
    log: () => Promise.resolve(),
    onEvent: () => {},
  });
  return end;
}

const sessionPlace = ({ slot, workspace }: Place, adapter: AgentAdapter) => ({
  slot,
  files: adapter.sessionFiles,
  workspaceNames: adapter.workspaceNames?.(workspace) ?? [],
  limits: SESSION_LIMITS,
  signal: new AbortController().signal,
});

test.each(installed)(
  "$name goes on with its session in another home and beside another working copy",
  async (program) => {
    const { name, adapter } = program;
    const [one, two] = [await makePlace(`${name}-one`), await makePlace(`${name}-two`)];
    const story = `the-${name}-story`;
    models.play(story, [write("one.txt", "one\n"), say("A word only this session knows: heliotrope.")]);
    const first = await runIn(one, program, `Do what ${story} says, please.`, null);
    expect(first, JSON.stringify(first)).toMatchObject({ end: "ok", sessionId: expect.any(String) });

    const file = join(folder, `${name}.tar.zst`);
    expect(await packSession(sessionPlace(one, adapter), file)).toBeGreaterThan(0);
    await rm(join(folder, `${name}-one`), { recursive: true });
    await unpackSession(sessionPlace(two, adapter), file);

    models.play(`${story}-again`, [write("two.txt", "two\n"), say("Wrote two.txt as well.")]);
    const resume = { sessionId: first.sessionId ?? "", totals: first.totals };
    const second = await runIn(two, program, `Now ${story}-again, please.`, resume);
    expect(second).toMatchObject({ end: "ok" });
    const [call] = models.callsOf(`${story}-again`).filter(({ step }) => step !== null);
    expect(call?.sent).toContain("heliotrope");
    expect(existsSync(join(two.workspace, "two.txt"))).toBe(true);
  },
  240_000,
);

test.each(installed)(
  "$name without its session's files says that it cannot go on",
  async (program) => {
    const place = await makePlace(`${program.name}-lost`);
    const sessionId = "11111111-2222-4333-8444-555555555555";
    const end = await runIn(place, program, "Go on, please.", { sessionId, totals: null });
    expect(end).toMatchObject({ end: "error", code: RESUME_REJECTED });
  },
  240_000,
);
