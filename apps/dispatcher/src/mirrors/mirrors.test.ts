import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { MirrorReply } from "@hive/protocol";
import { endpoints } from "@hive/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { openOwnWay } from "../egress/own-way.ts";
import { guardedConnect } from "../guard/connect.ts";
import { createGuard } from "../guard/guard.ts";
import { beginJob, claimJob, codeOf, enqueueJob, failedFinish } from "../http/attempts.fixture.ts";
import { type MirrorWorld, type PlayedKeeper, startMirrorWorld, TOKEN } from "./mirrors.fixture.ts";

let world: MirrorWorld;
afterEach(() => world.close());

const WAY_TOKEN = "way-token-for-tests-0123456789";
const FOLDER = `handouts/bee/${"a".repeat(32)}.git`;
const GIVEN: MirrorReply = { ok: true, folder: FOLDER, defaultBranch: "main", heads: [] };

/** A keeper that gives at once; a test may put another answer in. */
function played(): PlayedKeeper {
  return { asked: [], answer: () => Promise.resolve(GIVEN) };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

describe("a lease that asks for its repository", () => {
  it("gets a hand-out in its worker's folder, by the job's own credential, and the same one again", async () => {
    world = await startMirrorWorld();
    const repo = world.makeRepo("app.git");
    const { lease } = await beginJob(world.server, { repo, githubToken: TOKEN });
    const folder = await world.get(lease.token);
    expect(existsSync(join(folder, "HEAD"))).toBe(true);
    expect(await world.get(lease.token)).toBe(folder);
    const reply = (await (await world.ask(lease.token)).json()) as MirrorReply;
    expect(reply).toMatchObject({ defaultBranch: "main", heads: [["main", expect.stringMatching(/^[0-9a-f]{40}$/)]] });
    expect(filesOf(world.folder).filter((path) => readFileSync(path).includes(TOKEN))).toEqual([]);
    expect(world.server.logged.join("")).not.toContain(TOKEN);
  });

  it("is told why not, when its credential does not open it, although the mirror is there", async () => {
    world = await startMirrorWorld();
    const repo = world.makeRepo("closed.git");
    const member = await beginJob(world.server, { repo, githubToken: TOKEN, branch: "one" });
    await world.get(member.lease.token);
    const stranger = await beginJob(world.server, { repo, githubToken: "wrong-token-of-a-stranger", branch: "two" });
    expect(await (await world.ask(stranger.lease.token)).json()).toMatchObject({ ok: false, code: "token_refused" });
    const nobody = await beginJob(world.server, { repo, branch: "three" });
    expect(await (await world.ask(nobody.lease.token)).json()).toMatchObject({ ok: false, code: "token_needed" });
  });

  it("gets what lies where the server's way out lets the keeper connect, and nothing else", async () => {
    const log = { info: () => undefined, warn: () => undefined };
    const open = (allowPrivate: readonly string[]) => {
      const guard = createGuard({ allowPrivate });
      return openOwnWay({
        token: WAY_TOKEN,
        reach: (target, signal) => guardedConnect(guard, target, signal),
        clock: systemClock,
        log,
      });
    };
    let way = await open(["127.0.0.0/8"]);
    const ways = [way];
    world = await startMirrorWorld({ proxy: () => `http://hive:${WAY_TOKEN}@127.0.0.1:${way.port}` });
    const repo = world.makeRepo("guarded.git");
    const { lease } = await beginJob(world.server, { repo, githubToken: TOKEN, branch: "one" });
    expect(existsSync(await world.get(lease.token))).toBe(true);
    const seen = world.git.requests.length;
    way = await open([]);
    ways.push(way);
    const next = await beginJob(world.server, { repo, githubToken: TOKEN, branch: "two" });
    expect(await (await world.ask(next.lease.token)).json()).toMatchObject({ ok: false });
    expect(world.git.requests.length).toBe(seen);
    for (const one of ways) one.stop();
  });

  it("must have begun, and be the latest", async () => {
    const keeper = played();
    world = await startMirrorWorld({ played: keeper });
    await enqueueJob(world.server);
    const waiting = await claimJob(world.server, await world.server.worker("bee-waiting"));
    const early = await world.ask(waiting.token);
    expect([early.status, await codeOf(early)]).toEqual([409, "not_begun"]);
    const { lease, worker } = await beginJob(world.server);
    await world.server.send("POST", "/v1/worker/goodbye", { token: worker });
    const late = await world.ask(lease.token);
    expect([late.status, await codeOf(late)]).toEqual([409, "lease_lost"]);
    expect(keeper.asked).toEqual([]);
  });

  it("asks once however often it repeats itself, and is not stopped by a caller who is gone", async () => {
    const keeper = played();
    let give = (_: MirrorReply): void => {};
    const begun = new Promise<void>((resolve) => {
      keeper.answer = () => {
        resolve();
        return new Promise((answered) => (give = answered));
      };
    });
    world = await startMirrorWorld({ played: keeper });
    const { lease } = await beginJob(world.server);
    const gone = new AbortController();
    const first = world.ask(lease.token, {}, gone.signal).catch(() => "gone");
    await begun;
    const second = world.ask(lease.token);
    gone.abort();
    expect(await first).toBe("gone");
    give(GIVEN);
    expect(await (await second).json()).toEqual(GIVEN);
    expect(keeper.asked).toHaveLength(1);
  });

  it("is told to ask again when a clone takes longer than a request should", async () => {
    const keeper = played();
    let give = (_: MirrorReply): void => {};
    keeper.answer = () => new Promise((answered) => (give = answered));
    world = await startMirrorWorld({ played: keeper, waitMs: 10 });
    const { lease } = await beginJob(world.server);
    expect(await (await world.ask(lease.token)).json()).toMatchObject({ ok: false, code: "pending" });
    give(GIVEN);
    expect(await (await world.ask(lease.token)).json()).toEqual(GIVEN);
    expect(keeper.asked).toHaveLength(1);
  });

  it("may try again after a failure", async () => {
    const keeper = played();
    keeper.answer = () => Promise.resolve({ ok: false, code: "network", message: "the host is down" });
    world = await startMirrorWorld({ played: keeper });
    const { lease } = await beginJob(world.server);
    expect(await (await world.ask(lease.token)).json()).toMatchObject({ ok: false, code: "network" });
    keeper.answer = () => Promise.resolve(GIVEN);
    expect(await (await world.ask(lease.token)).json()).toEqual(GIVEN);
  });

  it("gets another for one that is damaged, a few times", async () => {
    const keeper = played();
    let made = 0;
    const folder = (): string => `handouts/bee/${String(made).padStart(32, "0")}.git`;
    keeper.answer = () => {
      made += 1;
      return Promise.resolve({ ...GIVEN, folder: folder() });
    };
    world = await startMirrorWorld({ played: keeper });
    const { lease } = await beginJob(world.server);
    await world.ask(lease.token);
    const first = folder();
    expect(await (await world.ask(lease.token, { broken: first })).json()).toMatchObject({
      folder: expect.not.stringContaining(first),
    });
    // The same word again, as after a lost answer: it is about the older one.
    expect(await (await world.ask(lease.token, { broken: first })).json()).toMatchObject({ folder: folder() });
    expect(keeper.asked.map(({ broken }) => broken)).toEqual([null, first]);
    await world.ask(lease.token, { broken: folder() });
    expect(await (await world.ask(lease.token, { broken: folder() })).json()).toMatchObject({
      ok: false,
      code: "mirror_corrupt",
    });
    expect(made).toBe(3);
  });

  it("gets another for one that lacks what was pushed since, and keeps the first", async () => {
    world = await startMirrorWorld();
    const repo = world.makeRepo("moves.git");
    const { lease } = await beginJob(world.server, { repo, githubToken: TOKEN });
    const first = (await (await world.ask(lease.token)).json()) as { folder: string };
    const second = (await (await world.ask(lease.token, { outdated: first.folder })).json()) as { folder: string };
    expect(second).toMatchObject({ ok: true, folder: expect.not.stringContaining(first.folder) });
    // The same word again, as after a lost answer: it is about the older one.
    expect(await (await world.ask(lease.token, { outdated: first.folder })).json()).toEqual(second);
    // What was handed out first stays as long as the lease: the working copy stands on it.
    for (const { folder } of [first, second]) expect(existsSync(join(world.folder, folder, "HEAD"))).toBe(true);
  });

  it("cannot name a folder outside what is handed out", async () => {
    world = await startMirrorWorld({ played: played() });
    const { lease } = await beginJob(world.server);
    const refused = await world.ask(lease.token, { broken: "handouts/../../etc.git" });
    expect([refused.status, await codeOf(refused)]).toEqual([422, "invalid_field"]);
  });
});

describe("a hand-out is taken back", () => {
  const ends: [string, (attempt: Awaited<ReturnType<typeof beginJob>>) => Promise<unknown>][] = [
    [
      "when the job is finished",
      ({ lease }) => world.server.send("POST", "/v1/worker/finish", { token: lease.token, json: failedFinish(null) }),
    ],
    [
      "when the worker says goodbye",
      ({ worker }) => world.server.send("POST", "/v1/worker/goodbye", { token: worker }),
    ],
    [
      "when the job was canceled and the worker says so",
      async ({ jobId, lease }) => {
        await world.server.send("POST", `/v1/jobs/${jobId}/cancel`);
        const outcome = { end: "canceled", result: null };
        await world.server.send("POST", "/v1/worker/finish", {
          token: lease.token,
          json: { finishId: "finish-canceled", outcome, log: null },
        });
      },
    ],
    [
      "when the worker gives the job back",
      async ({ lease }) => {
        const outcome = { end: "returned", message: "leaving" };
        await world.server.send("POST", "/v1/worker/finish", {
          token: lease.token,
          json: { finishId: "finish-returned", outcome, log: null },
        });
      },
    ],
    ["when a worker of the same name starts anew", async ({ lease }) => world.server.worker(nameOf(lease.token))],
    ["when its lease runs out", () => Promise.resolve()],
  ];
  const names = new Map<string, string>();
  const nameOf = (token: string): string => names.get(token) ?? "";

  it.each(ends)("%s", async (what, end) => {
    const keeper = played();
    world = await startMirrorWorld({ played: keeper, rules: what.includes("runs out") ? { leaseMs: 300 } : {} });
    const attempt = await beginJob(world.server);
    await world.ask(attempt.lease.token);
    names.set(attempt.lease.token, keeper.asked[0]?.worker ?? "");
    await end(attempt);
    await world.releaseOf(`${attempt.jobId}:1`);
    expect(world.released).toEqual([`${attempt.jobId}:1`]);
  });

  it("also while it is still being made", async () => {
    const keeper = played();
    let began = (): void => {};
    const asked = new Promise<void>((resolve) => (began = resolve));
    keeper.answer = () => {
      began();
      return new Promise(() => undefined);
    };
    world = await startMirrorWorld({ played: keeper });
    const { jobId, lease, worker } = await beginJob(world.server);
    const gone = new AbortController();
    const asking = world.ask(lease.token, {}, gone.signal).catch(() => null);
    await asked;
    await world.server.send("POST", "/v1/worker/goodbye", { token: worker });
    await world.releaseOf(`${jobId}:1`);
    gone.abort();
    await asking;
  });

  it("and nobody else's, nor for what an agent does meanwhile", async () => {
    world = await startMirrorWorld({ played: played() });
    const one = await beginJob(world.server);
    const two = await beginJob(world.server);
    for (const { lease } of [one, two]) await world.ask(lease.token);
    const body = { from: 0, events: [{ kind: "message", text: "hi" }] };
    await world.server.client.call(endpoints.leaseEvents, { body }, { token: two.lease.token });
    await world.server.send("POST", "/v1/worker/finish", { token: one.lease.token, json: failedFinish(null) });
    await world.releaseOf(`${one.jobId}:1`);
    expect(world.released).toEqual([`${one.jobId}:1`]);
  });

  it("after a restart, if its lease ended meanwhile; one that lives keeps what it has", async () => {
    world = await startMirrorWorld();
    const repo = world.makeRepo("restart.git");
    const over = await beginJob(world.server, { repo, githubToken: TOKEN, branch: "one" });
    const lives = await beginJob(world.server, { repo, githubToken: TOKEN, branch: "two" });
    const [gone, kept] = [await world.get(over.lease.token), await world.get(lives.lease.token)];
    const restart = world.restartMirrors();
    await world.server.send("POST", "/v1/worker/goodbye", { token: over.worker });
    await restart;
    await world.releaseOf(`${over.jobId}:1`);
    expect([existsSync(gone), existsSync(kept)]).toEqual([false, true]);
  });
});

describe("a keeper that is killed", () => {
  it("in the middle of a clone costs its askers a repeated request, and leaves nothing half made", async () => {
    world = await startMirrorWorld();
    const repo = world.makeRepo("killed.git");
    const { lease } = await beginJob(world.server, { repo, githubToken: TOKEN });
    const fetching = new Promise<void>((resolve) => {
      // The second POST is of the fetch: the first one listed the branches.
      world.git.intercept = ({ method }) => {
        if (method !== "POST" || world.git.requests.filter((one) => one.method === "POST").length < 2) return null;
        resolve();
        return "hang";
      };
    });
    const asked = world.ask(lease.token);
    await fetching;
    world.killKeeper();
    const answer = await asked;
    expect([answer.status, await codeOf(answer)]).toEqual([503, "not_ready"]);
    world.git.intercept = null;
    let reply: Response = answer;
    while (reply.status === 503) reply = await world.ask(lease.token);
    expect(await reply.json()).toMatchObject({ ok: true });
    expect(readdirSync(join(world.folder, "mirrors")).filter((name) => /new-|handout-/.test(name))).toEqual([]);
  });
});
