// The compose files are written by hand and read by two programs; what they leave out nobody notices until it is missed.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { options } from "../apps/dispatcher/src/options.ts";
import { WORKER_VARIABLES } from "../apps/worker/src/config.ts";
import { checkout } from "./checkout.ts";

const compose = readFileSync(join(checkout, "compose.yaml"), "utf8");
const withRedis = readFileSync(join(checkout, "compose.redis.yaml"), "utf8");
/** The lines of one service, or of an anchor. */
const part = (begin: string, file = compose): string => {
  const lines = file.split("\n");
  const from = lines.indexOf(begin);
  const depth = begin.search(/\S/);
  const length = lines.slice(from + 1).findIndex((line) => line.trim() !== "" && line.search(/\S/) <= depth);
  return lines.slice(from, length < 0 ? undefined : from + 1 + length).join("\n");
};

/** Settings of the dispatcher that compose or the image decides, and those that make no sense there. */
const DECIDED = new Set([
  ...["HIVE_HOST", "HIVE_DATA", "HIVE_RUN", "HIVE_MIRROR_DATA", "HIVE_COMMAND"],
  // No engine's socket is mounted: this server starts no worker and builds no image.
  ...["HIVE_DOCKER_HOST", "HIVE_WORKER_IMAGE", "HIVE_BASE_IMAGE", "HIVE_AGENT_CLIS", "HIVE_BUILD_TOOLS"],
  // Nothing runs without isolation there, and no folder of the machine is in reach.
  ...["HIVE_ALLOW_UNISOLATED", "HIVE_ALLOW_FILE_REPOS"],
]);

const inEnvironment = options.filter(({ about }) => !about.includes("in hive.yaml only")).map(({ name }) => name);

it("passes every setting of the dispatcher on, or decides it", () => {
  const dispatcher = part("  hive-dispatcher:");
  const passes = (name: string): boolean => new RegExp(`^ {6}${name}: `, "m").test(dispatcher);
  expect(inEnvironment.filter((name) => !DECIDED.has(name) && !passes(name))).toEqual([]);
});

it("passes the same settings on to both dispatchers on Redis, and decides the store and what is each one's own", () => {
  const one = part("  hive-dispatcher:").matchAll(/^ {6}([A-Z_0-9]+: .*)$/gm);
  const both = part("x-dispatcher-environment: &dispatcher-environment", withRedis);
  const passed = new Set([...both.matchAll(/^ {2}([A-Z_0-9]+: .*)$/gm)].map((match) => match[1] ?? ""));
  const apart = [...one].map((match) => match[1] ?? "").filter((line) => !passed.has(line));
  expect(apart).toEqual(["HIVE_ADVERTISE_URL: ${HIVE_ADVERTISE_URL:-}", "HIVE_STORE: ${HIVE_STORE:-}"]);
  expect(passed).toContain("HIVE_STORE: redis://hive-redis:6379/0");
  for (const n of [1, 2]) {
    const dispatcher = part(`  hive-dispatcher-${n}:`, withRedis);
    expect(dispatcher).toContain("    <<: *dispatcher\n");
    expect(dispatcher).toContain(`    container_name: hive-dispatcher-${n}\n`);
    expect(dispatcher).toContain("      <<: *dispatcher-environment\n");
    expect(dispatcher).toContain(`      HIVE_ADVERTISE_URL: http://hive-dispatcher-${n}:\${HIVE_PORT:-8099}\n`);
    expect(dispatcher).toContain("      - hive-data:/var/lib/hive\n");
    expect(dispatcher).toContain(`      - hive-run-${n}:/run/hive\n`);
  }
});

it("starts a Redis that loses nothing it acknowledged and that only the dispatchers reach", () => {
  const redis = part("  hive-redis:", withRedis);
  const words = [...redis.matchAll(/^ {6}- "?([^"\n]*)"?$/gm)].map((match) => match[1] ?? "");
  const setting = (name: string): string | undefined => words[words.indexOf(name) + 1];
  expect([setting("--appendonly"), setting("--appendfsync"), setting("--maxmemory-policy")]).toEqual([
    "yes",
    "always",
    "noeviction",
  ]);
  // On, any Redis but that of the official image refuses everybody but itself here.
  expect(setting("--protected-mode")).toBe("no");
  expect(redis).not.toContain("ports:");
  expect(redis).toContain("networks: [hive-store]");
  expect(part("  hive-store:", withRedis)).toContain("internal: true");
});

it("gives no worker a key or a secret, and only settings that a worker reads", () => {
  for (const file of [compose, withRedis]) {
    const anchors = part("x-worker: &worker", file) + part("x-worker-environment: &worker-environment", file);
    const workers = file.slice(file.indexOf("  hive-worker-1:"));
    const set = [...`${anchors}\n${workers}`.matchAll(/^\s+([A-Z][A-Z0-9_]+): /gm)].map((match) => match[1] ?? "");
    const buildArguments = ["BASE_IMAGE", "AGENTS", "BUILD_TOOLS"];
    expect(set.filter((name) => !WORKER_VARIABLES.includes(name) && !buildArguments.includes(name))).toEqual([]);
    expect(set.filter((name) => /KEY|TOKEN|SECRET$/.test(name))).toEqual([]);
  }
});

it("has the same workers beside Redis, but that they reach either dispatcher", () => {
  for (const n of [1, 2]) {
    const begin = `  hive-worker-${n}:`;
    expect(part(begin, withRedis).trim()).toBe(part(begin).trim());
  }
  const lines = (begin: string, file: string): readonly string[] => part(begin, file).split("\n");
  for (const begin of ["x-worker: &worker", "x-worker-environment: &worker-environment"]) {
    const [one, other] = [lines(begin, compose), lines(begin, withRedis)];
    const apart = other.filter((line) => !one.includes(line));
    expect(apart.filter((line) => !/server-[12]|depends_on/.test(line))).toEqual([]);
    expect(one.filter((line) => !other.includes(line) && !/\/run\/hive\/server|depends_on/.test(line))).toEqual([]);
  }
  expect(withRedis).toContain("HIVE_SOCKET: /run/hive/server-1/dispatcher.sock,/run/hive/server-2/dispatcher.sock\n");
});

it("has ten workers that differ in nothing but their number", () => {
  for (let n = 1; n <= 10; n += 1) {
    const worker = part(`  hive-worker-${n}:`);
    expect(worker).toContain("    <<: *worker\n");
    expect(worker).toContain(`    container_name: hive-worker-${n}\n`);
    expect(worker).toContain(`      HIVE_WORKER_NAME: hive-worker-${n}\n`);
    // Users of jobs are counted over the whole machine: two workers must not share one.
    expect(worker).toContain(`      HIVE_WORKER_SLOT: "${n}"\n`);
    for (const what of ["ROLES", "LABELS"]) expect(worker).toContain(`HIVE_${what}: \${HIVE_WORKER_${n}_${what}:-}`);
    // workers-4 starts the first four; the first two start always.
    const profiles = Array.from({ length: 11 - n }, (_, at) => `workers-${n + at}`).join(", ");
    if (n <= 2) expect(worker).not.toContain("profiles:");
    else expect(worker).toContain(`    profiles: [${profiles}]\n`);
  }
});

it("mounts no socket of an engine and asks for no right beyond the four", () => {
  for (const file of [compose, withRedis]) {
    expect(file).not.toMatch(/docker\.sock|privileged|network_mode: host|pid:/);
    expect([...file.matchAll(/cap_add: (.*)/g)].map((match) => match[1])).toEqual(["[SETUID, SETGID, KILL, CHOWN]"]);
  }
});

it("is described: every variable it reads is in the documents", () => {
  const documents = ["docs/configuration.md", "docs/containers.md", "docs/operating.md", "README.md"];
  const text = documents.map((file) => readFileSync(join(checkout, file), "utf8")).join("\n");
  const read = new Set([...`${compose}${withRedis}`.matchAll(/\$\{([A-Z0-9_]+)/g)].map((match) => match[1] ?? ""));
  // Number 3 stands for all.
  const described = (name: string): boolean => text.includes(name.replace(/_WORKER_\d+_/, "_WORKER_3_"));
  expect([...read].filter((name) => !described(name))).toEqual([]);
});
