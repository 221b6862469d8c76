/**
 * Backup and restore as an operator does it, with real servers: a Hive on SQLite is copied while jobs run, restored into a
 * Redis, goes on there, and comes back into SQLite.
 */
import { randomUUID } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, endpoints, type LeaseGrant, registrationMac } from "@hive/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RedisServer, startRedis } from "../peers/redis/redis-server.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, plainEnvironment, ROOT, startHive } from "./hive-process.ts";
import { type Ran, runProgram } from "./run-program.ts";

const CLI = join(ROOT, "apps/cli/src/main.ts");
const cleanUps: (() => Promise<void> | void)[] = [];
let folder: string;
let git: GitHost;
let redis: RedisServer;
let repo: string;
let first: HiveProcess;
let secrets: Readonly<Record<string, string>>;
/** What a worker of the first life was given. */
let old: LeaseGrant;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hive-backup-"));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  git = await startGitHost();
  cleanUps.push(() => git.stop());
  repo = git.makeRepo("app.git");
  redis = await startRedis();
  cleanUps.push(() => redis.dispose());
  first = await startHive({ env: { HIVE_WORKERS: "1" } });
  cleanUps.push(() => first.dispose());
  secrets = secretsOf(first.data);
});
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function secretsOf(data: string): Record<string, string> {
  const text = readFileSync(join(data, "secrets.env"), "utf8");
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)=(\S+)$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
}

function hive(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  return runProgram([process.execPath, CLI, ...args], plainEnvironment(env));
}

/** A backup of a running server, as JSON tells of it. */
async function backup(server: HiveProcess, file: string): Promise<Record<string, unknown>> {
  const ran = await hive(["backup", file, "--json"], { HIVE_URL: server.url, INTERNAL_API_TOKEN: server.token });
  expect(ran.code, ran.stderr).toBe(0);
  return JSON.parse(ran.stdout) as Record<string, unknown>;
}

/** A worker that takes a job and says nothing more: its lease lives when the copy is made. */
async function leaseOf(server: HiveProcess): Promise<LeaseGrant> {
  const client = createClient({ baseUrl: server.url });
  const [registrationId, nonce] = [randomUUID(), randomUUID()];
  const [name, at] = ["silent", Date.now()];
  const mac = await registrationMac(secrets["CALLBACK_SECRET"] ?? "", { registrationId, name, at, nonce });
  const { token } = await client.call(endpoints.workerRegister, {
    body: {
      ...{ registrationId, protocol: 1, name, version: "0.1.0", roles: [], labels: [], agents: [] },
      ...{ provider: "manual", isolation: "none", proof: { kind: "secret", at, nonce, mac } },
    },
  });
  const { lease } = await client.call(
    endpoints.workerClaim,
    { body: { claimId: randomUUID(), waitMs: 5_000 } },
    { token },
  );
  if (lease === null) throw new Error("there was no job for the silent worker");
  await client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
  return lease;
}

/** Whether this lease still opens anything on that server. */
async function beat(server: HiveProcess): Promise<string> {
  const client = createClient({ baseUrl: server.url });
  return client.call(endpoints.leaseHeartbeat, { body: {} }, { token: old.token }).then(
    () => "accepted",
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );
}

test("a backup is made while jobs run, whole or not at all, and nobody else can read it", async () => {
  await first.run({ jobId: "over", repo, task: "script", script: "echo what it said" });
  // From here on nobody but the silent worker takes a job of this server.
  await first.stop();
  await first.start({ HIVE_WORKERS: "0" });
  await first.hive.enqueue({ jobId: "runs", repo, task: "script", script: "echo again" });
  old = await leaseOf(first);
  expect(old).toMatchObject({ fence: 1, job: { jobId: "runs" } });
  await first.hive.enqueue({
    jobId: "later",
    repo,
    task: "script",
    script: "echo later",
    runAt: new Date(Date.now() + 3_600_000).toISOString(),
  });

  const file = join(folder, "one.gz");
  expect(await backup(first, file)).toMatchObject({ file, logs: 1 });
  expect(statSync(file).mode & 0o777).toBe(0o600);

  const refused = await hive(["backup", join(folder, "none.gz")], {
    HIVE_URL: first.url,
    INTERNAL_API_TOKEN: "x".repeat(40),
  });
  expect(refused.code).toBe(1);
  expect(() => statSync(join(folder, "none.gz"))).toThrow("ENOENT");
});

test("it is restored only where no server runs, nothing is lost, and the secrets are the same", async () => {
  const file = join(folder, "one.gz");
  const running = await hive(["restore", file, "--data", first.data], {});
  expect(running.code).toBe(1);
  expect(running.stderr).toContain(String(first.pid()));

  const empty = join(folder, "empty");
  const strange = await hive(["restore", file, "--data", empty], {});
  expect(strange.code).toBe(1);
  expect(strange.stderr).toContain("made with other secrets");

  const cut = join(folder, "cut.gz");
  writeFileSync(cut, readFileSync(file).subarray(0, -20));
  const torn = await hive(["restore", cut, "--data", empty], secrets);
  expect(torn.code).toBe(1);
  expect(torn.stderr).toContain("is cut off");
});

test("from SQLite into Redis: what ran runs again, old tokens open nothing, and the logs are there", async () => {
  // The first life goes on after its backup.
  await first.hive.enqueue({ jobId: "too-late", repo, task: "script", script: "true" });
  const ran = await hive(["restore", join(folder, "one.gz"), "--store", redis.url], {
    ...secrets,
    HIVE_DATA: join(folder, "r"),
  });
  expect(ran.code, ran.stderr).toBe(0);
  expect(ran.stdout).toContain("1 job ran when it was made, and runs again");
  const again = await hive(["restore", join(folder, "one.gz"), "--store", redis.url], {
    ...secrets,
    HIVE_DATA: join(folder, "r"),
  });
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("--replace");

  const second = await startHive({ env: { ...secrets, HIVE_STORE: redis.url, HIVE_WORKERS: "1" } });
  cleanUps.push(() => second.dispose());
  expect(await beat(second)).toBe("lease_lost");
  const job = await second.over("runs");
  expect(job).toMatchObject({ status: "succeeded", failures: 0, losses: 0 });
  expect(job.fence).toBeGreaterThan(1_000_000);
  expect(await beat(second)).toBe("lease_lost");
  const log = await second.fetch("/v1/jobs/over/logs");
  expect(await log.text()).toContain("what it said");
  expect((await second.fetch("/v1/jobs/too-late")).status).toBe(404);
  expect(await second.hive.get("later")).toMatchObject({ status: "scheduled" });
  // The same request is still the same job.
  const twin = await second.hive.enqueue({ jobId: "over", repo, task: "script", script: "echo what it said" });
  expect(twin.status).toBe("succeeded");

  // While the queen lives nobody takes her store away, and she does not notice.
  const replace = ["restore", join(folder, "one.gz"), "--store", redis.url, "--replace"];
  const live = await hive(replace, { ...secrets, HIVE_DATA: join(folder, "r") });
  expect(live.code).toBe(1);
  expect(live.stderr).toContain("stop every dispatcher");
  expect(await second.hive.get("runs")).toMatchObject({ status: "succeeded" });

  // And back: into the folder of the server that began.
  const file = join(folder, "two.gz");
  await backup(second, file);
  await first.stop();
  const kept = join(folder, "first");
  mkdirSync(kept);
  copyFileSync(join(first.data, "secrets.env"), join(kept, "secrets.env"));
  const back = await hive(["restore", file, "--data", first.data, "--replace", "--json"], {});
  expect(back.code, back.stderr).toBe(0);
  expect(JSON.parse(back.stdout)).toMatchObject({ interrupted: 0, skipped: [], header: { store: "redis" } });
  await first.start({ HIVE_WORKERS: "1" });
  expect(await beat(first)).toBe("lease_lost");
  const log2 = await first.fetch("/v1/jobs/runs/logs");
  expect(await log2.text()).toContain("again");
  expect((await first.fetch("/v1/jobs/too-late")).status).toBe(404);
  const fresh = await first.run({ jobId: "fresh", repo, task: "script", script: "true" });
  expect(fresh.fence).toBeGreaterThan(job.fence + 900_000);

  // One that was killed is waited out.
  await second.crash();
  const taken = await hive(replace, { ...secrets, HIVE_DATA: join(folder, "r") });
  expect(taken.code, taken.stderr).toBe(0);
});
