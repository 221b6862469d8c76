import { readdirSync, readFileSync } from "node:fs";
import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { LeasedJob } from "@hive/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GitWorld, openWorkspace, plainGit, startGitWorld } from "../git/git-fixture.ts";
import { openLogStream } from "../logs/log-stream.ts";
import { machineClock } from "../loops/clock.ts";
import type { MovedBase } from "../moved-base/contract.ts";
import { openSlot, type Slot } from "../process/agent-user.ts";
import { killUser } from "../process/run.ts";
import { leasedJob } from "../tasks/leased-job-fixture.ts";
import { createTasks, JOB_PROGRAMS } from "../tasks/tasks.ts";
import type { TaskEnd, TaskRequest } from "../worker-parts.ts";
import type { AgentSessions, NotedSession } from "./contract.ts";
import { does, scriptedAgent, type ScriptedAgent } from "./scripted-agent.fixture.ts";

let world: GitWorld;
let slot: Slot;
let number = 0;

beforeAll(async () => {
  world = await startGitWorld();
  const uidBase = 33_000 + (process.pid % 1000);
  slot = await openSlot({ folder: join(world.folder, "slot"), slot: 0, uidBase, mustReach: JOB_PROGRAMS });
});
afterAll(async () => {
  if (slot.user) await killUser(slot.user);
  await world.stop();
});

/** A repository whose test wants the file `good` to be there, and leaves something behind. */
const TESTED = {
  "README.md": "# a repository\n",
  ".hive/config.yaml": "test: 'echo looked > leftover.txt; echo \"is it good?\"; test -f good'\n",
};
const rounds = (most: number): Partial<LeasedJob> => ({ verify: { rounds: most } });

interface Given {
  readonly agent: ScriptedAgent;
  readonly job?: Partial<LeasedJob>;
  readonly files?: Readonly<Record<string, string>>;
  /** Default: a new one of these files. */
  readonly repo?: string;
  readonly request?: Partial<TaskRequest>;
  /** Told where the working copy is. */
  readonly at?: (repo: string) => void;
}

interface Done {
  readonly end: TaskEnd;
  readonly log: string;
  readonly phases: readonly string[];
  readonly repo: string;
  /** The events of these types, without their type's rest of the crowd. */
  readonly told: (...types: string[]) => readonly Readonly<Record<string, unknown>>[];
}

/** One agent task in a real checkout, and all that came out. */
async function converse({ agent, job, files, request: more, ...given }: Given): Promise<Done> {
  number += 1;
  const repo = given.repo ?? (await world.makeRepo(`talk-${number}.git`, files ?? TESTED));
  const attempt = world.newFolder("talk");
  const [folder, output] = [join(attempt, "work"), join(attempt, "output")];
  await mkdir(folder, { mode: 0o711 });
  await mkdir(output, { mode: 0o700 });
  if (slot.user) await chown(output, slot.user.uid, slot.user.gid);
  const workspace = await openWorkspace(world, repo, { folder, ...(slot.user ? { agent: slot.user } : {}) });
  given.at?.(workspace.repo);
  const spool = join(attempt, "log");
  const log = await openLogStream({
    spoolPath: spool,
    secrets: [],
    upload: (offset, bytes) => Promise.resolve({ ok: true, committed: offset + bytes.length }),
    chunkBytes: 65_536,
    maxBytes: 10_000_000,
    flushMs: 1,
    clock: machineClock,
    signal: new AbortController().signal,
  });
  const events: Readonly<Record<string, unknown>>[] = [];
  const phases: string[] = [];
  const request: TaskRequest = {
    job: { ...leasedJob, task: "agent", agent: "scripted", instructions: "Make it good.", ...job },
    workspace,
    slot,
    output,
    inputs: null,
    log,
    onEvent: (event) => events.push(event),
    onProgress: () => undefined,
    onConfig: () => undefined,
    signal: new AbortController().signal,
    remainingMs: () => 60_000,
    enter: (name) => Promise.resolve(void phases.push(name)),
    onTurn: () => undefined,
    sessions: null,
    feedback: null,
    putBack: false,
    movedBase: null,
    llmToken: "lease-token",
    proxy: null,
    ...more,
  };
  const tasks = createTasks({
    git: world.git,
    agents: [agent],
    llmUrl: "http://127.0.0.1:9",
    idleTimeoutMs: 30_000,
    path: process.env["PATH"] ?? "/usr/bin:/bin",
    extraCaFile: null,
  });
  try {
    const end = await tasks.run(request);
    await log.finish();
    const told = (...types: string[]) => events.filter((event) => types.includes(String(event["type"])));
    return { end, log: readFileSync(spool, "utf8"), phases, repo: workspace.repo, told };
  } finally {
    await log.close();
  }
}

const left = (repo: string): string => plainGit(repo, "status", "--porcelain", "--untracked-files=all");

describe("verified before it is called done", () => {
  test("green: done in one turn, and what the tests left is no part of the change", async () => {
    const agent = scriptedAgent([["touch good", does.end("made it good")]]);
    const { end, log, phases, repo, told } = await converse({ agent, job: rounds(2) });
    expect(end).toMatchObject({
      error: null,
      publishes: true,
      summary: "made it good",
      verify: { state: "passed", rounds: 0, report: null },
    });
    expect(agent.given).toHaveLength(1);
    expect(left(repo)).toBe("?? good");
    expect(phases).toEqual(["verify"]);
    expect(log).toContain("verify by .hive/config.yaml");
    expect(told("verify", "turn")).toEqual([
      { type: "turn", turn: 1, reason: "work", resumed: false },
      expect.objectContaining({ type: "verify", state: "passed", round: 0 }),
    ]);
  });

  test("red: the report goes back to the agent as data, with all it was told before, until it is green", async () => {
    const agent = scriptedAgent([
      ["echo 1 > one", does.end("first try")],
      ["touch good", does.end("now it is good")],
    ]);
    const { end, phases } = await converse({ agent, job: rounds(2) });
    expect(end).toMatchObject({ error: null, summary: "now it is good", verify: { state: "passed", rounds: 1 } });
    const [, second] = agent.given;
    expect(second?.resume).toBeNull();
    expect(second?.prompt).toContain("Make it good.");
    expect(second?.prompt).toMatch(
      /BEGIN test report (\w+)-----\nis it good\?\nThe tests .* exit code 1\.\n-----END test report \1/,
    );
    expect(phases).toEqual(["verify", "run", "verify"]);
  });

  test("still red after the last round: published as what it is, with the report", async () => {
    const agent = scriptedAgent([["date +%s%N > one", does.end("tried")]]);
    const { end } = await converse({ agent, job: rounds(2) });
    expect(agent.given).toHaveLength(3);
    expect(agent.given[2]?.prompt).toContain("This is the last time");
    expect(end).toMatchObject({ error: null, publishes: true, verify: { state: "failed", rounds: 2 } });
    expect(end.verify?.report).toContain("is it good?");
  });

  test("rounds of 0 judge and ask nobody", async () => {
    const agent = scriptedAgent([["touch one", does.end("tried")]]);
    const { end } = await converse({ agent, job: rounds(0) });
    expect(agent.given).toHaveLength(1);
    expect(end.verify).toMatchObject({ state: "failed", rounds: 0 });
  });

  test("the command is the base branch's, whatever the agent made of it", async () => {
    const agent = scriptedAgent([["echo 'test: \"true\"' > .hive/config.yaml", does.end("made the tests green")]]);
    const { end } = await converse({ agent, job: rounds(0) });
    expect(end.verify).toMatchObject({ state: "failed" });
  });

  test("off, no tests named, and nothing changed: nothing is run, and the result says which", async () => {
    const changed = [["touch one", does.end("did it")]];
    const off = await converse({ agent: scriptedAgent(changed), job: { verify: null } });
    expect(off.end.verify).toEqual({ state: "off", rounds: 0, command: null, report: null });
    expect(off.told("verify")).toEqual([]);
    const none = await converse({ agent: scriptedAgent(changed), job: rounds(2), files: { "README.md": "x" } });
    expect(none.end.verify).toMatchObject({ state: "none" });
    expect(none.log).toContain("names no tests at base");
    const same = await converse({ agent: scriptedAgent([[does.end("nothing to do")]]), job: rounds(2) });
    expect(same.end).toMatchObject({ error: null, verify: { state: "unchanged" } });
    expect(same.phases).toEqual([]);
  });

  test("a branch with this job's own unjudged work is judged, although this attempt changed nothing", async () => {
    number += 1;
    const repo = await world.makeRepo(`own-${number}.git`, TESTED);
    const commit = world.commitElsewhere(repo, "hive/job-1", { "half.txt": "half\n" });
    const announced = [{ ref: "refs/heads/hive/job-1", commit }];
    const agent = scriptedAgent([[does.end("nothing more to do")]]);
    const own = await converse({ agent, repo, job: { ...rounds(0), announced } });
    expect(own.end.verify).toMatchObject({ state: "failed" });
    const others = await converse({ agent, repo, job: rounds(0) });
    expect(others.end.verify).toMatchObject({ state: "unchanged" });
  });

  test("a file that git cannot read is not lost by putting the others back", async () => {
    const agent = scriptedAgent([["echo mine > good; echo mine > closed; chmod 000 closed", does.end("did it")]]);
    const { end, repo } = await converse({ agent, job: rounds(0) });
    expect(end.verify).toMatchObject({ state: "passed" });
    expect(readdirSync(repo)).toEqual(expect.arrayContaining(["good", "closed"]));
  });

  test("a repository the agent broke is judged all the same", async () => {
    const agent = scriptedAgent([["touch good; rm -rf .git; echo no > .git", does.end("did it")]]);
    const { end } = await converse({ agent, job: rounds(0) });
    expect(end.verify).toMatchObject({ state: "passed" });
  });

  test("a turn that fails ends the conversation with its error", async () => {
    const agent = scriptedAgent([["touch one", does.end("tried")], [does.fail("I cannot")]]);
    const { end } = await converse({ agent, job: rounds(2) });
    expect(end).toMatchObject({ error: { code: "agent_error", message: "I cannot" }, publishes: false });
    expect(agent.given).toHaveLength(2);
  });

  test("an attempt that is stopped while its tests run ends at once, and what they left is no part of its work", async () => {
    const stop = new AbortController();
    const test = "test: 'echo looked > leftover.txt; hive-progress 1 running; exec tail -f /dev/null'\n";
    const files = { ...TESTED, ".hive/config.yaml": test };
    let repo = "";
    const onProgress = (): void => stop.abort(new Error("stopped"));
    const agent = scriptedAgent([["touch one", does.end("tried")]]);
    const request = { signal: stop.signal, onProgress };
    await expect(converse({ agent, files, job: rounds(2), request, at: (place) => (repo = place) })).rejects.toThrow(
      "stopped",
    );
    expect(left(repo)).toBe("?? one");
  });
});

describe("sessions", () => {
  test("where the agent can go on with its session, it is told only what is new", async () => {
    const agent = scriptedAgent(
      [
        ["touch one", does.end("tried")],
        ["touch good", does.end("good")],
      ],
      ["s1", "s2"],
    );
    const noted: NotedSession[] = [];
    const sessions: AgentSessions = {
      restore: () => Promise.resolve(null),
      note: (session) => noted.push(session),
      keep: () => Promise.resolve(),
    };
    await converse({ agent, job: rounds(2), request: { sessions } });
    expect(agent.given[1]?.resume).toEqual({ sessionId: "s1", totals: null });
    expect(agent.given[1]?.prompt).not.toContain("Make it good.");
    expect(agent.given[1]?.prompt).toContain("The tests are red");
    expect(noted.map(({ sessionId }) => sessionId)).toEqual(["s1", "s2"]);
  });

  test("a session of the attempt before is gone on with, and one the agent refuses is begun anew with everything", async () => {
    const agent = scriptedAgent([[does.fail("what?")], ["touch good", does.end("good")]], ["refused", "s2"]);
    const sessions: AgentSessions = {
      restore: () => Promise.resolve({ sessionId: "s0", totals: null }),
      note: () => undefined,
      keep: () => Promise.resolve(),
    };
    const { end, log } = await converse({ agent, job: rounds(2), request: { sessions } });
    expect(agent.given.map(({ resume }) => resume?.sessionId ?? null)).toEqual(["s0", null]);
    expect(agent.given[1]?.prompt).toContain("Make it good.");
    expect(log).toContain("it begins a new one");
    expect(end).toMatchObject({ error: null, verify: { state: "passed" } });
  });
});

describe("stuck", () => {
  const loop = [does.call("Read", "same.ts"), does.answer("again")];

  test("an agent that goes round in circles is stopped, told what was seen, and begins again without that session", async () => {
    const circles = [...Array.from({ length: 4 }, () => loop).flat(), does.hang];
    const agent = scriptedAgent([circles, ["touch good", does.end("good")]], ["s1", "s2"]);
    const { end, log, told } = await converse({ agent, job: { ...rounds(2), stuck: { repeats: 4, turns: 0 } } });
    expect(end).toMatchObject({ error: null, verify: { state: "passed" } });
    expect(told("stuck")).toEqual([
      expect.objectContaining({
        reason: "repeating",
        restarted: true,
        message: expect.stringContaining("Read same.ts"),
      }),
    ]);
    expect(agent.given[1]).toMatchObject({ resume: null, prompt: expect.stringContaining("You were stopped") });
    expect(agent.given[1]?.prompt).toContain("Make it good.");
    expect(log).toContain("stuck: It made the same call 4 times in a row");
  });

  test("one that falls silent goes on with its session; stuck twice in an attempt, it has failed", async () => {
    const agent = scriptedAgent([[does.say("hm"), does.hang]], ["s1", "s2"]);
    const { end, told } = await converse({ agent, job: { ...rounds(2), idleTimeoutMs: 400 } });
    expect(agent.given.map(({ resume }) => resume?.sessionId ?? null)).toEqual([null, "s1"]);
    expect(agent.given[1]?.prompt).not.toContain("Make it good.");
    expect(told("stuck").map((event) => event["restarted"])).toEqual([true, false]);
    expect(end).toMatchObject({ error: { code: "agent_stuck", kind: "work" }, publishes: false });
  });

  test("one whose answers change no file is stopped; a file that changed lets it go on", async () => {
    const turns = (first: string) => [first, ...Array.from({ length: 3 }, (_, at) => loopOf(at)).flat()];
    const loopOf = (at: number) => [does.call("Read", `file-${at}`), does.answer("text")];
    const idle = scriptedAgent([[...turns(":"), does.hang]]);
    const stuck = { repeats: 0, turns: 3 };
    const one = await converse({ agent: idle, job: { ...rounds(2), idleTimeoutMs: 20_000, stuck } });
    expect(one.end.error).toMatchObject({ code: "agent_stuck" });
    expect(one.told("stuck")[0]).toMatchObject({ reason: "no_changes" });
    const busy = scriptedAgent([[...turns("touch good"), does.end("good")]]);
    const two = await converse({ agent: busy, job: { ...rounds(2), stuck } });
    expect(two.end).toMatchObject({ error: null, verify: { state: "passed" } });
  });
});

describe("a base that moved", () => {
  function moved(...meetings: Awaited<ReturnType<MovedBase["meet"]>>[]): MovedBase & { readonly said: string[] } {
    const said: string[] = [];
    return {
      said,
      meet() {
        said.push("meet");
        return Promise.resolve(meetings.shift() ?? { end: "fits" });
      },
      settle() {
        said.push("settle");
        return Promise.resolve("merged");
      },
    };
  }

  test("work that was put on a new base is judged again", async () => {
    const movedBase = moved({ end: "rebased" });
    const agent = scriptedAgent([["touch good", does.end("good")]]);
    const { told } = await converse({ agent, job: rounds(2), request: { movedBase } });
    expect(told("verify")).toHaveLength(2);
    expect(movedBase.said).toEqual(["meet", "meet"]);
  });

  test("a conflict is one more turn, then settled and judged again, also when the agent gave up on it", async () => {
    for (const second of [["touch more", does.end("merged it")], [does.fail("too hard")]]) {
      const movedBase = moved({ end: "conflict", files: ["a"], prompt: "There is a conflict in a." });
      const agent = scriptedAgent([["touch good", does.end("good")], second]);
      const { end, told } = await converse({ agent, job: rounds(2), request: { movedBase } });
      expect(agent.given[1]?.prompt).toContain("There is a conflict in a.");
      expect(movedBase.said).toEqual(["meet", "settle", "meet"]);
      expect(told("turn").map((event) => event["reason"])).toEqual(["work", "conflict"]);
      const summary = second.length === 1 ? "good" : "merged it";
      expect(end).toMatchObject({ error: null, publishes: true, summary, verify: { state: "passed" } });
    }
  });

  test("red work meets the base only when its rounds are over", async () => {
    const movedBase = moved();
    const agent = scriptedAgent([["touch one", does.end("tried")]]);
    const { told } = await converse({ agent, job: rounds(1), request: { movedBase } });
    expect(told("verify")).toHaveLength(2);
    expect(movedBase.said).toEqual(["meet"]);
  });
});
