/**
 * The disk of a server fills up while jobs come in: it says so and asks to be tried again, loses nothing it had accepted,
 * and goes on by itself once there is space. The disk is a small one of this test's own, which only root can mount.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHive } from "@hive/sdk";
import { expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";

const isRoot = process.getuid?.() === 0;
const TOKEN = "a-token-of-the-full-disk-test";
const SENDERS = 4;
/** Requests that must be refused before the space comes back. */
const REFUSED = 40;
/** Large enough that a full disk is met soon, in the middle of a commit. */
const SCRIPT = `true ${"#".repeat(8_000)}`;

/** What the requests of a run were answered. */
interface Answers {
  readonly accepted: Set<string>;
  /** Status, code and `Retry-After` of each refusal. */
  readonly refused: { readonly id: string; readonly status: number; readonly retryAfter: string | null }[];
}

test.skipIf(!isRoot)(
  "as root, who alone can mount a disk that is full: 503 with Retry-After, then recovery, nothing accepted is lost",
  { timeout: 300_000 },
  async () => {
    const place = mkdtempSync(join(tmpdir(), "hive-full-"));
    const disk = join(place, "disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", disk]);
    try {
      const server = await startHive({ env: { HIVE_DATA: disk, HIVE_WORKERS: "0", INTERNAL_API_TOKEN: TOKEN } });
      try {
        await fillUp(server, join(disk, "filler"));
      } finally {
        await server.dispose();
      }
    } finally {
      // Lazily: whatever still has a file open there must not keep the machine's mounts.
      execFileSync("umount", ["-l", disk]);
      rmSync(place, { recursive: true, force: true });
    }
  },
);

async function fillUp(server: HiveProcess, filler: string): Promise<void> {
  const answers: Answers = { accepted: new Set(), refused: [] };
  const over = new AbortController();
  let next = 0;
  const sending = Array.from({ length: SENDERS }, async () => {
    while (!over.signal.aborted) {
      next += 1;
      await send(server, `full-${next}`, answers);
    }
  });
  const pid = server.pid();
  try {
    await until("jobs to be accepted", () => answers.accepted.size >= 20);
    fill(filler);
    const notReady = await until("the server to say that it is not ready", async () => {
      fill(filler);
      const ready = await fetch(`${server.url}/health/ready`);
      await ready.body?.cancel();
      return ready.status === 200 ? null : ready;
    });
    expect(notReady.status).toBe(503);
    expect(Number(notReady.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    await until("many requests to be refused", () => {
      fill(filler);
      return answers.refused.length >= REFUSED;
    });
  } finally {
    over.abort();
    await Promise.all(sending);
  }
  for (const { status, retryAfter } of answers.refused) {
    expect(status).toBe(503);
    expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
  }

  rmSync(filler);
  await until("the server to be ready", async () => (await fetch(`${server.url}/health/ready`)).status === 200);
  // By itself, in the same process.
  expect(server.pid()).toBe(pid);
  // Whoever was refused and asks again is heard, whatever became of the first try.
  const again: Answers = { accepted: answers.accepted, refused: [] };
  for (const { id } of answers.refused.slice(0, REFUSED)) await send(server, id, again);
  expect(again.refused).toEqual([]);
  await allThere(server, answers.accepted);
  // And on the disk, not only in memory.
  await server.crash();
  await server.start();
  await allThere(server, answers.accepted);
  console.log(`full disk: ${answers.accepted.size} accepted, ${answers.refused.length} refused, lost 0`);
}

async function send(server: HiveProcess, jobId: string, answers: Answers): Promise<void> {
  const body = JSON.stringify({ jobId, repo: "https://example.com/acme/app", task: "script", script: SCRIPT });
  const headers = { "content-type": "application/json" };
  const reply = await server.fetch("/enqueue", { method: "POST", headers, body, signal: AbortSignal.timeout(60_000) });
  await reply.text();
  if (reply.status === 202) answers.accepted.add(jobId);
  else answers.refused.push({ id: jobId, status: reply.status, retryAfter: reply.headers.get("retry-after") });
}

async function allThere(server: HiveProcess, accepted: ReadonlySet<string>): Promise<void> {
  const hive = createHive({ url: server.url, token: TOKEN });
  const lost: string[] = [];
  for (const id of accepted) {
    const job = await hive.get(id).catch(() => null);
    if (job?.status !== "queued" || job.script !== SCRIPT) lost.push(id);
  }
  expect(lost).toEqual([]);
}

/** Takes every byte that is left. */
function fill(path: string): void {
  const file = openSync(path, "a", 0o600);
  try {
    for (const size of [65_536, 4_096, 1]) takeAll(file, Buffer.alloc(size));
  } finally {
    closeSync(file);
  }
}

function takeAll(file: number, piece: Buffer): void {
  try {
    while (writeSync(file, piece) === piece.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
