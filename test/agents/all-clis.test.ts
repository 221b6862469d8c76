/** What every agent program does alike: edits files through its tools, says what it used, goes on with its session. */
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fail, run, say, write } from "../peers/models/steps.ts";
import { type CliWorld, CLIS, installLine, isInstalled, openCliWorld } from "./cli-world.ts";

const installed = CLIS.filter(isInstalled);

test("the agent programs are there", ({ skip }) => {
  const missing = CLIS.filter((cli) => !isInstalled(cli)).map(installLine);
  if (missing.length > 0 && process.env["CI"] !== "true") skip(`not installed: ${missing.join(" && ")}`);
  expect(missing).toEqual([]);
});

describe.each(installed)("the real $adapter.name", (cli) => {
  const { name } = cli.adapter;
  let world: CliWorld;

  beforeAll(async () => {
    world = await openCliWorld();
  });
  afterAll(async () => {
    await world?.stop();
  });

  test("is found with its version, and its absence says how to install it", async () => {
    const { input } = await world.job(cli, { prompt: "x" });
    const search = { path: input.env["PATH"] ?? "", llmBaseUrl: input.llmBaseUrl };
    expect(await cli.adapter.available(search)).toMatchObject({ ok: true, version: expect.stringMatching(/^\d+\./) });
    expect(await cli.adapter.available({ ...search, path: "/nowhere" })).toMatchObject({
      ok: false,
      why: expect.stringContaining("npm install -g"),
    });
    expect(await cli.adapter.available({ ...search, llmBaseUrl: null })).toMatchObject({ ok: false });
  });

  test("writes a file, runs a command, and what it used is what the model told", async () => {
    const story = `${name}-works`;
    world.models.play(story, [
      write("hello.txt", "hello\n"),
      run("echo ran > ran.txt; exit 3"),
      say("Wrote both files.\n\nAs asked.", { thinking: "I should think" }),
    ]);
    const { input } = await world.job(cli, { prompt: `The story ${story}.` });
    const { end, events, log } = await world.run(cli, input);
    expect(end, log).toMatchObject({ end: "ok", text: "Wrote both files.\n\nAs asked." });
    expect(await readFile(join(input.workspace, "hello.txt"), "utf8")).toBe("hello\n");
    expect((await readdir(input.workspace)).sort()).toEqual(["hello.txt", "ran.txt"]);

    const { input: inputTokens, output: outputTokens, cacheRead: cacheReadTokens } = world.models.costOf(story);
    const usage = { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens: 0 };
    expect(end.usage).toEqual(usage);
    expect(end.totals).toMatchObject(usage);
    expect(end.sessionId).toMatch(/^\w[\w-]+$/);
    expect(end.model).not.toBeNull();

    const kinds = events.map(({ kind }) => kind).filter((kind) => !["unknown", "retry"].includes(kind));
    expect(kinds.filter((kind) => kind === "tool_call")).toHaveLength(2);
    expect(kinds.filter((kind) => kind === "tool_result")).toHaveLength(2);
    expect(kinds.filter((kind) => kind === "result")).toHaveLength(1);
    expect(kinds.at(-1)).toBe("result");
    expect(kinds).not.toContain("thinking");
    const calls = events.flatMap((event) => (event.kind === "tool_call" ? [event] : []));
    expect(calls.map(({ summary }) => summary).join("\n")).toMatch(/hello\.txt[^]*ran\.txt/);
    expect(new Set(calls.map((call) => call.fingerprint)).size).toBe(2);
    const answered = new Set(events.flatMap((event) => (event.kind === "tool_result" ? [event.id] : [])));
    expect(calls.every((call) => answered.has(call.id))).toBe(true);
    expect(log).toContain("Wrote both files.");
    expect(log).not.toMatch(/^\{"type"/m);

    for (const call of world.models.callsOf(story)) expect(call.key).toBe("lease.token.value");
    expect(world.models.callsOf(story).every((call) => !call.sent.includes("lease.token.value"))).toBe(true);
  });

  test("goes on with its session in another folder and a home with only its files; the figures are this run's", async () => {
    const story = `${name}-resumes`;
    world.models.play(story, [say("The first word.")]);
    const first = await world.job(cli, { prompt: `The story ${story}.` });
    const { end, log } = await world.run(cli, first.input);
    expect(end, log).toMatchObject({ end: "ok" });
    const second = await world.job(cli, { prompt: "And now the rest." });
    for (const file of cli.adapter.sessionFiles) {
      await cp(join(first.input.home, file), join(second.input.home, file), { recursive: true }).catch(() => undefined);
    }
    const before = world.models.costOf(story);
    const resume = { sessionId: end.sessionId ?? "", totals: end.totals };
    world.models.play(story, [run("echo again > again.txt"), say("The second word.")]);
    const again = await world.run(cli, { ...second.input, resume });
    expect(again.end, again.log).toMatchObject({ end: "ok", text: "The second word." });
    expect(await readdir(second.input.workspace)).toEqual(["again.txt"]);
    const after = world.models.costOf(story);
    expect(again.end.usage).toEqual({
      inputTokens: after.input - before.input,
      outputTokens: after.output - before.output,
      cacheReadTokens: after.cacheRead - before.cacheRead,
      cacheWriteTokens: 0,
    });
    expect(again.end.totals).toMatchObject({ inputTokens: after.input, outputTokens: after.output });
    // The model was told what was said before.
    expect(world.models.callsOf(story).at(-1)?.sent).toContain("The first word.");
  });

  test("says so when it does not know the session", async () => {
    const { input } = await world.job(cli, { prompt: "x" });
    const sessionId = name === "opencode" ? "ses_0123456789abNoSuchSession00" : "0c14285d-c296-4f3f-a3b4-85c83d6cd4e6";
    const { end, log } = await world.run(cli, { ...input, resume: { sessionId, totals: null } });
    expect(end, log).toMatchObject({ end: "error", code: "resume_rejected", kind: "system" });
  });

  test("a key that the provider refuses is the system's fault, a request it refuses is not tried again", async () => {
    for (const [status, code, kind] of [
      [401, "llm_unauthorized", "system"],
      [400, "llm_bad_request", "work"],
    ] as const) {
      const story = `${name}-${status}`;
      world.models.play(story, [], fail(status, { message: "no, says the provider" }));
      const { input } = await world.job(cli, { prompt: `The story ${story}.` });
      const { end, log } = await world.run(cli, input);
      expect(end, log).toMatchObject({ end: "error", code, kind });
    }
  });

  test("a model that stops in the middle ends by the idle time-out, and nothing of the program stays", async () => {
    const story = `${name}-stalls`;
    world.models.play(story, [], { do: "stall", text: "I was about to" });
    const { input } = await world.job(cli, { prompt: `The story ${story}.` });
    const { end, run: ran } = await world.run(cli, input, { idleTimeoutMs: 6_000 });
    expect(end).toMatchObject({ end: "error", code: "agent_silent" });
    expect(ran).toMatchObject({ reason: "idle", survivors: 0 });
  });

  test("the tools of the operator's servers are offered to the model", async () => {
    const story = `${name}-servers`;
    world.models.play(story, [say("Fine.")]);
    const bees = { command: process.execPath, args: [join(import.meta.dirname, "bee-tools.ts")], env: {} };
    const { input } = await world.job(cli, { prompt: `The story ${story}.`, settings: { mcpServers: { bees } } });
    const { end, log } = await world.run(cli, input);
    expect(end, log).toMatchObject({ end: "ok", text: "Fine." });
    expect(world.models.callsOf(story).at(-1)?.sent).toContain("buzz");
  });

  test("words of the operator, arguments and thinking are as hive.yaml says", async () => {
    const story = `${name}-settings`;
    world.models.play(story, [say("Fine.", { thinking: "Deep thoughts about bees" })]);
    const settings = { systemPrompt: "Speak like a bee: OPERATOR-WORDS.", thinking: true };
    const { input } = await world.job(cli, { prompt: `The story ${story}.`, settings });
    const { end, events, log } = await world.run(cli, input);
    expect(end, log).toMatchObject({ end: "ok", text: "Fine." });
    expect(world.models.callsOf(story).at(-1)?.sent).toContain("OPERATOR-WORDS");
    // The Gemini CLI keeps its thoughts to itself.
    if (name !== "gemini") expect(events).toContainEqual({ kind: "thinking", text: expect.stringContaining("bees") });
  });
});
