import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import type { PoolNeeds, Readiness } from "../provider.ts";
import { createTestClock, type TestClock } from "./docker-provider.fixture.ts";
import { createEngine } from "./engine.ts";
import { type FakeEngine, startFakeEngine } from "./fake-engine.fixture.ts";
import { createImageBuild } from "./image-build.ts";
import { readImageSource } from "./image-source.ts";
import { createWorkerImages, type WorkerImages } from "./worker-image.ts";

const POOL: PoolNeeds = { name: "default", image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null };
const FILES = {
  "docker/worker.Dockerfile": "FROM node",
  "package.json": "{}",
  "package-lock.json": "{}",
  ".npmrc": "",
  "apps/worker/package.json": "{}",
  "apps/worker/src/main.ts": "run()",
  "apps/cli/package.json": "{}",
  "packages/core/package.json": "{}",
  "packages/core/src/job.ts": "job",
  "packages/protocol/package.json": "{}",
  "packages/protocol/src/wire.ts": "wire",
};
const LEFT_OUT = {
  ".env": "ANTHROPIC_API_KEY=secret",
  "hive-data/secrets.env": "secret",
  "apps/cli/src/main.ts": "cli",
  "apps/worker/src/main.test.ts": "test",
  "apps/worker/src/git.fixture.ts": "fixture",
  "packages/core/node_modules/x/index.js": "x",
};

let fake: FakeEngine;
let checkout: string;
let clock: TestClock;
let said: string[];
let images: WorkerImages;

beforeEach(async () => {
  fake = await startFakeEngine();
  fake.images.clear();
  checkout = await mkdtemp(join(tmpdir(), "hive-checkout-"));
  for (const [file, text] of Object.entries({ ...FILES, ...LEFT_OUT })) {
    await mkdir(join(checkout, dirname(file)), { recursive: true });
    await writeFile(join(checkout, file), text);
  }
  clock = createTestClock();
  said = [];
  images = await imagesOf();
});
afterEach(async () => {
  images.close();
  await fake.close();
  await rm(checkout, { recursive: true, force: true });
});

async function imagesOf(buildArgs: Readonly<Record<string, string>> = {}): Promise<WorkerImages> {
  const source = await readImageSource(checkout, buildArgs);
  if (source === null) throw new Error("no checkout");
  const engine = createEngine(fake.address, systemClock);
  const log = { info: (text: string) => said.push(text), warn: (text: string) => said.push(`warning: ${text}`) };
  const build = createImageBuild({ engine, checkout, source, image: "hive-worker", clock, log });
  return createWorkerImages({ engine, defaultImage: "hive-worker", build });
}

/** Begins a build, and waits for its end. */
async function built(pool = POOL): Promise<{ first: Readiness; after: Readiness }> {
  const ended = Promise.withResolvers<void>();
  const forget = images.onChange(ended.resolve);
  const first = await images.prepare(pool);
  await ended.promise;
  forget();
  return { first, after: await images.prepare(pool) };
}

/** A build that makes the image of these files, as an engine does. */
function builds(seen: { files?: readonly string[]; query?: URLSearchParams } = {}): FakeEngine["build"] {
  return function* build(tar, query) {
    seen.files = execFileSync("tar", ["-t"], { input: tar, encoding: "utf8" }).trim().split("\n");
    seen.query = query;
    yield { stream: "Step 1/2 : FROM node\n" };
    yield { stream: " ---> f68b5a2006f9\n" };
    yield { stream: "Step 2/2 : COPY . /source\n" };
    fake.images.set(query.get("t") ?? "", {
      Id: "sha256:built",
      Config: { Labels: JSON.parse(query.get("labels") ?? "{}") as object, Volumes: null },
    });
    yield { stream: "Successfully built\n" };
  };
}

describe("the default image, when it is missing", () => {
  it("is built from the files it needs and no others, step by step, and is there afterwards", async () => {
    const seen: Parameters<typeof builds>[0] & object = {};
    fake.build = builds(seen);
    const { first, after } = await built();
    expect(first).toMatchObject({ ready: false, why: "building", message: expect.stringContaining("hive-worker") });
    expect(after).toEqual({ ready: true, image: { name: "hive-worker", digest: "sha256:built" } });
    expect([...(seen.files ?? [])].sort((a, b) => a.localeCompare(b))).toEqual(
      Object.keys(FILES).sort((a, b) => a.localeCompare(b)),
    );
    expect(seen.query?.get("dockerfile")).toBe("docker/worker.Dockerfile");
    expect(said).toEqual([
      "The image hive-worker is built from this checkout; the first time takes some minutes.",
      "hive-worker: Step 1/2 : FROM node",
      "hive-worker: Step 2/2 : COPY . /source",
      expect.stringMatching(/^The image hive-worker is built/),
    ]);
    expect(await images.need(POOL)).toEqual({ name: "hive-worker", digest: "sha256:built", volumes: [] });
  });

  it("is built once, however many pools wait for it, and says at which step it is", async () => {
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const whole = builds();
    fake.build = async function* build(tar, query) {
      yield { stream: "Step 1/2 : FROM node\n" };
      reached.resolve();
      await goOn.promise;
      yield* whole(tar, query);
    };
    const ended = Promise.withResolvers<void>();
    images.onChange(ended.resolve);
    await images.prepare(POOL);
    await reached.promise;
    while (said.length < 2) await new Promise(setImmediate);
    expect(await images.prepare({ ...POOL, name: "other" })).toEqual({
      ready: false,
      why: "building",
      message: "The image hive-worker is being built: Step 1/2 : FROM node",
    });
    goOn.resolve();
    await ended.promise;
    expect(fake.calls.filter((call) => call.startsWith("POST /build"))).toHaveLength(1);
  });

  it("tells why a build failed, and tries again after a minute", async () => {
    fake.build = () => [
      { stream: "Step 1/1 : RUN npm ci\n" },
      { stream: "npm error 404 Not Found\n" },
      { error: "The command '/bin/sh -c npm ci' returned a non-zero code: 1", errorDetail: {} },
    ];
    const { after } = await built();
    expect(after).toEqual({
      ready: false,
      why: "missing",
      message:
        "The image hive-worker could not be built: The command '/bin/sh -c npm ci' returned a non-zero code: 1. Before that: Step 1/1 : RUN npm ci | npm error 404 Not Found",
    });
    expect(said.at(-1)).toContain("warning: The image hive-worker could not be built");
    fake.build = builds();
    clock.pass(59_000);
    expect(await images.prepare(POOL)).toMatchObject({ why: "missing" });
    clock.pass(1_000);
    expect((await built()).after).toMatchObject({ ready: true });
  });

  it("says that the disk is full, that the engine went away, and that files could not be packed", async () => {
    const why = async (): Promise<string> => {
      const { after } = await built();
      clock.pass(60_000);
      return after.ready ? "ready" : after.message;
    };
    fake.build = () => [{ error: "write /var/lib/docker/x: no space left on device" }];
    expect(await why()).toContain("docker system prune");
    fake.build = () => [{ stream: "Step 1/9 : FROM node\n" }];
    fake.failNext(/build/, "lost answer");
    expect(await why()).toContain("ended the connection before its answer");
    await rm(join(checkout, "package.json"));
    fake.build = () => [{ error: "unexpected EOF" }];
    expect(await why()).toMatch(/were not packed: .*package\.json/);
    fake.build = () => [{ stream: "Successfully built\n" }];
    expect(await why()).toMatch(/were not packed: .*package\.json/);
  });
});

describe("an image that is there", () => {
  it("is built anew when a Hive of other code, or with other arguments, built it", async () => {
    fake.build = builds();
    await built();
    expect(await images.prepare(POOL)).toMatchObject({ ready: true });
    images = await imagesOf({ AGENTS: "agent@1.0.0" });
    expect((await built()).first).toMatchObject({ why: "building" });
    await writeFile(join(checkout, "apps/worker/src/main.ts"), "runBetter()");
    images = await imagesOf({ AGENTS: "agent@1.0.0" });
    expect((await built()).first).toMatchObject({ why: "building" });
    expect(await images.prepare(POOL)).toMatchObject({ ready: true });
    // Another server of other code builds it too: they do not take turns.
    fake.images.set("hive-worker", { Id: "sha256:other", Config: { Labels: { "hive.source": "other" } } });
    expect(await images.prepare(POOL)).toMatchObject({ ready: true, image: { digest: "sha256:other" } });
    fake.images.clear();
    expect((await built()).after).toMatchObject({ ready: true });
  });

  it("is left as it is when somebody else built it", async () => {
    fake.images.set("hive-worker", { Id: "sha256:theirs", RepoDigests: [], Config: { Volumes: { "/v": {} } } });
    expect(await images.prepare(POOL)).toEqual({
      ready: true,
      image: { name: "hive-worker", digest: "sha256:theirs" },
    });
    expect(await images.need(POOL)).toMatchObject({ volumes: ["/v"] });
  });

  it("is named by its registry's digest, where it came from one", async () => {
    fake.images.set("my/image:3", { Id: "sha256:local", RepoDigests: ["my/image@sha256:there"] });
    expect(await images.prepare({ ...POOL, image: "my/image:3" })).toEqual({
      ready: true,
      image: { name: "my/image:3", digest: "sha256:there" },
    });
  });
});

it("a pool's own image is never built: what to do is said", async () => {
  expect(await images.prepare({ ...POOL, image: "my/image:3" })).toEqual({
    ready: false,
    why: "missing",
    message: expect.stringContaining("docker pull my/image:3, or build it there with docker build -t my/image:3"),
  });
  expect(fake.calls.some((call) => call.includes("build"))).toBe(false);
});

it("this checkout has all the image is built from, and a folder that is no checkout nothing", async () => {
  const root = join(import.meta.dirname, "../../../../..");
  const source = await readImageSource(root, {});
  expect(source?.files).toEqual(expect.arrayContaining(["docker/worker.Dockerfile", "apps/worker/src/main.ts"]));
  expect(source?.files.filter((file) => /\.(test|suite|fixture)\.ts$|node_modules|^test\/|^docs\//.test(file))).toEqual(
    [],
  );
  // Whatever the image's own list leaves out is left out here too.
  const ignored = await readFile(join(root, ".dockerignore"), "utf8");
  for (const pattern of ["*.test.ts", "*.fixture.ts", "*.suite.ts", "node_modules"]) expect(ignored).toContain(pattern);
  expect(await readImageSource(join(root, "docs"), {})).toBeNull();
});
