import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agreeOnApi, createEngine, type Engine } from "./engine.ts";
import { answerError, connectionError, EngineError, type EngineErrorKind } from "./engine-error.ts";
import { type FakeEngine, startFakeEngine } from "./fake-engine.fixture.ts";
import { findEngine } from "./find-engine.ts";

let fake: FakeEngine;
let engine: Engine;
/** Time limits are over at once when a test says so. */
let hurry = false;
/** Time limits that run now. */
const limits = new Set<() => void>();

beforeEach(async () => {
  hurry = false;
  fake = await startFakeEngine();
  engine = createEngine(fake.address, {
    after: (_ms, run) => {
      limits.add(run);
      if (hurry) setImmediate(run);
      return () => limits.delete(run);
    },
  });
});
afterEach(() => fake.close());

async function failure(call: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof EngineError) return error;
  throw new Error(`no EngineError: ${String(error)}`);
}

describe("the version of the engine's API", () => {
  const said = (ApiVersion: string, MinAPIVersion?: string) => ({
    Version: "x",
    ApiVersion,
    MinAPIVersion,
    Os: "linux",
  });

  it("is the newest both sides speak, from Docker 20.10 on", () => {
    expect(agreeOnApi(said("1.41", "1.12"))).toBe("1.41");
    expect(agreeOnApi(said("1.47"))).toBe("1.47");
    expect(agreeOnApi(said("1.99", "1.44"))).toBe("1.51");
    expect(agreeOnApi(said("2.0", "1.44"))).toBe("1.51");
  });

  it("is refused with what to update, where there is none", () => {
    expect(() => agreeOnApi(said("1.40"))).toThrow("Docker x speaks API 1.40; Hive needs 1.41 (Docker 20.10) or newer");
    expect(() => agreeOnApi(said("1.9"))).toThrow("Update Docker");
    expect(() => agreeOnApi(said("1.99", "1.60"))).toThrow("Update Hive");
    expect(() => agreeOnApi({ ...said("1.47"), Os: "windows" })).toThrow("windows containers");
  });

  it("is asked for once, and again after the engine was away: it may have been updated", async () => {
    await engine.listContainers({});
    await engine.listContainers({});
    expect(fake.calls.filter((call) => call === "GET /version")).toHaveLength(1);
    await fake.away();
    expect((await failure(engine.listContainers({}))).kind).toBe("unreachable");
    fake.version = { Version: "29.0", ApiVersion: "1.52", MinAPIVersion: "1.44", Os: "linux" };
    await fake.back();
    expect(await engine.info()).toMatchObject({ version: "29.0", api: "1.51" });
  });
});

describe("an engine that cannot be used", () => {
  it("is told in words, with the next step", async () => {
    expect(await findEngine(engine, "linux")).toEqual({ usable: true, about: "Docker 20.10.24 (Fake)", warnings: [] });
    const desktop = { ...engine, info: async () => ({ ...(await engine.info()), system: "Docker Desktop" }) };
    const inMachine = { usable: false, reason: expect.stringContaining("docker compose up -d --build") };
    expect(await findEngine(desktop)).toEqual(inMachine);
    expect(await findEngine(engine, "darwin")).toEqual(inMachine);
    const weak = { ...engine, info: async () => ({ ...(await engine.info()), missingLimits: ["memory"] }) };
    expect(await findEngine(weak, "linux")).toMatchObject({
      warnings: [expect.stringContaining("cannot limit memory")],
    });
    await fake.away();
    expect(await findEngine(engine)).toEqual({
      usable: false,
      reason: `No Docker Engine answers at ${fake.address} (ENOENT). Start it (sudo systemctl start docker, or Docker Desktop), or name another socket with HIVE_DOCKER_HOST.`,
    });
    const denied = Object.assign(new Error("connect EACCES"), { code: "EACCES" });
    expect(connectionError("unix:///s", false, denied)).toMatchObject({
      kind: "forbidden",
      message: expect.stringContaining("sudo usermod -aG docker $USER"),
    });
  });
});

describe("a call that fails", () => {
  it.each<[number, string, EngineErrorKind, boolean]>([
    [404, "No such image: hive-worker:latest", "image_missing", false],
    [404, "No such container: x", "not_found", false],
    [409, 'Conflict. The container name "/x" is already in use', "conflict", false],
    [400, "invalid mount config", "refused", false],
    [500, "mkdir /var/lib/docker/overlay2/x: no space left on device", "no_space", false],
    [500, "OCI runtime create failed", "failed", true],
  ])("with %i %s is %s", (status, message, kind, unclear) => {
    expect(answerError("create x", status, message)).toMatchObject({ kind, unclear, engineGone: false });
  });

  it("names what the engine said and what to do", async () => {
    fake.failNext(/create/, { status: 500, message: "write /x: no space left on device" });
    const noSpace = await failure(engine.createContainer("a", { Image: "hive-worker" }));
    expect(noSpace.message).toContain("docker system prune");
    const missing = await failure(engine.createContainer("a", { Image: "my/image:3" }));
    expect(missing).toMatchObject({
      kind: "image_missing",
      message: expect.stringContaining("docker pull my/image:3"),
    });
  });

  it("is unclear when its answer is lost, and clear when nobody was there", async () => {
    await engine.ping();
    fake.failNext(/create/, "lost answer");
    const lost = await failure(engine.createContainer("a", { Image: "hive-worker" }));
    expect(lost).toMatchObject({ kind: "broken", unclear: true, engineGone: true });
    expect(fake.containers.map(({ name }) => name)).toEqual(["a"]);
    await fake.away();
    expect(await failure(engine.startContainer("a"))).toMatchObject({ kind: "unreachable", unclear: false });
  });

  it("ends when the engine does not answer in time", async () => {
    await engine.listContainers({});
    fake.failNext(/create/, "hang");
    hurry = true;
    expect(await failure(engine.createContainer("a", { Image: "hive-worker" }))).toMatchObject({
      kind: "timeout",
      message: expect.stringContaining("did not create a within 60 s"),
    });
  });

  it("says so when the answer is not what an engine says", async () => {
    fake.version = { Version: "1", ApiVersion: "none", Os: "linux" };
    expect((await failure(engine.info())).kind).toBe("bad_reply");
  });
});

describe("waiting for an exit", () => {
  it("takes as long as the container does, without a time limit", async () => {
    fake.add("a", {}, "running");
    await engine.listContainers({});
    const exited = engine.waitForExit("a", AbortSignal.timeout(20_000));
    while (!fake.calls.some((call) => call.includes("/wait"))) await new Promise(setImmediate);
    // The limit covers the beginning of the answer only, which the engine gives at once.
    while (limits.size > 0) await new Promise(setImmediate);
    fake.exit("a", 3);
    expect(await exited).toBe(3);
  });

  it("breaks when the engine goes away in the middle", async () => {
    fake.add("a", {}, "running");
    const exited = failure(engine.waitForExit("a", AbortSignal.timeout(20_000)));
    while (!fake.calls.some((call) => call.includes("/wait"))) await new Promise(setImmediate);
    await fake.away();
    expect((await exited).kind).toBe("broken");
  });
});
