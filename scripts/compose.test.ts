// compose.yaml is written by hand and read by two programs; what it leaves out nobody notices until it is missed.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { options } from "../apps/dispatcher/src/options.ts";
import { WORKER_VARIABLES } from "../apps/worker/src/config.ts";
import { checkout } from "./checkout.ts";

const compose = readFileSync(join(checkout, "compose.yaml"), "utf8");
/** The lines of one service, or of an anchor. */
const part = (begin: string): string => {
  const lines = compose.split("\n");
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

it("passes every setting of the dispatcher on, or decides it", () => {
  const dispatcher = part("  hive-dispatcher:");
  const inEnvironment = options.filter(({ about }) => !about.includes("in hive.yaml only"));
  const missing = inEnvironment.filter(
    ({ name }) => !DECIDED.has(name) && !new RegExp(`^ {6}${name}: `, "m").test(dispatcher),
  );
  expect(missing.map(({ name }) => name)).toEqual([]);
});

it("gives no worker a key or a secret, and only settings that a worker reads", () => {
  const anchors = part("x-worker: &worker") + part("x-worker-environment: &worker-environment");
  const workers = compose.slice(compose.indexOf("  hive-worker-1:"));
  const set = [...`${anchors}\n${workers}`.matchAll(/^\s+([A-Z][A-Z0-9_]+): /gm)].map((match) => match[1] ?? "");
  const buildArguments = ["BASE_IMAGE", "AGENTS", "BUILD_TOOLS"];
  expect(set.filter((name) => !WORKER_VARIABLES.includes(name) && !buildArguments.includes(name))).toEqual([]);
  expect(set.filter((name) => /KEY|TOKEN|SECRET$/.test(name))).toEqual([]);
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
  expect(compose).not.toMatch(/docker\.sock|privileged|network_mode: host|pid:/);
  expect([...compose.matchAll(/cap_add: (.*)/g)].map((match) => match[1])).toEqual(["[SETUID, SETGID, KILL, CHOWN]"]);
});

it("is described: every variable it reads is in the documents", () => {
  const documents = ["docs/configuration.md", "docs/containers.md", "README.md"];
  const text = documents.map((file) => readFileSync(join(checkout, file), "utf8")).join("\n");
  const read = new Set([...compose.matchAll(/\$\{([A-Z0-9_]+)/g)].map((match) => match[1] ?? ""));
  // Number 3 stands for all.
  const described = (name: string): boolean => text.includes(name.replace(/_WORKER_\d+_/, "_WORKER_3_"));
  expect([...read].filter((name) => !described(name))).toEqual([]);
});
