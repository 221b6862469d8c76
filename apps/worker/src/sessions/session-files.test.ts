/** Sessions on their way, with real tar and, where the tests run as root, a real user of the slot's own. */

import { execFileSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { tarOf } from "../archives/archive.fixture.ts";
import { openSlot, type Slot } from "../process/agent-user.ts";
import { packSession, SESSION_LIMITS, type SessionPlace, unpackSession } from "./session-files.ts";

let folder: string;
let slot: Slot;
let file: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-sessions-"));
  execFileSync("chmod", ["711", folder]);
  slot = await openSlot({ folder: join(folder, "slot"), slot: 0, uidBase: 53_000 + (process.pid % 1_000) });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  emptyHome();
  count += 1;
  file = join(folder, `archive-${count}`);
});

const place = (more: Partial<SessionPlace> = {}): SessionPlace => ({
  slot,
  files: [".agent/chats", ".agent.json", ".missing"],
  workspaceNames: [],
  limits: SESSION_LIMITS,
  signal: new AbortController().signal,
  ...more,
});

/** As between two attempts, on this worker or another. */
function emptyHome(): void {
  for (const name of readdirSync(slot.home)) rmSync(join(slot.home, name), { recursive: true, force: true });
}

/** Writes into the home as the job would. */
function write(path: string, text: string): void {
  const whole = join(slot.home, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  own(slot.home);
}

function own(path: string): void {
  const { user } = slot;
  if (user !== undefined) execFileSync("chown", ["-hR", `${user.uid}:${user.gid}`, path]);
}

const at = (path: string): string => join(slot.home, path);

test("a session comes back as it was, with nothing else of the home", async () => {
  write(".agent/chats/one.jsonl", "hello\n");
  write(".agent/chats/deep/two.jsonl", "world\n");
  write(".agent.json", "{}");
  write(".agent/secrets", "no part of it");
  symlinkSync("one.jsonl", at(".agent/chats/last"));
  own(slot.home);
  expect(await packSession(place(), file)).toBeGreaterThan(0);
  emptyHome();
  await unpackSession(place(), file);
  expect(readFileSync(at(".agent/chats/one.jsonl"), "utf8")).toBe("hello\n");
  expect(readFileSync(at(".agent/chats/deep/two.jsonl"), "utf8")).toBe("world\n");
  expect(readFileSync(at(".agent.json"), "utf8")).toBe("{}");
  expect(readlinkSync(at(".agent/chats/last"))).toBe("one.jsonl");
  expect(existsSync(at(".agent/secrets"))).toBe(false);
  if (slot.user !== undefined) expect(lstatSync(at(".agent/chats/one.jsonl")).uid).toBe(slot.user.uid);
});

test("nothing there is nothing to keep", async () => {
  expect(await packSession(place(), file)).toBeNull();
});

test("names that stand for the working copy's path become those of the next attempt", async () => {
  write(".agent/chats/-jobs-a-repo/one.jsonl", "hello");
  write(".agent/chats/-jobs-a-repo-too/x", "another");
  write(".agent/chats/list/-jobs-a-repo", "file");
  await packSession(place({ workspaceNames: ["-jobs-a-repo"] }), file);
  emptyHome();
  await unpackSession(place({ workspaceNames: ["-jobs-b-repo"] }), file);
  expect(readFileSync(at(".agent/chats/-jobs-b-repo/one.jsonl"), "utf8")).toBe("hello");
  expect(readFileSync(at(".agent/chats/-jobs-a-repo-too/x"), "utf8")).toBe("another");
  expect(readFileSync(at(".agent/chats/list/-jobs-b-repo"), "utf8")).toBe("file");
});

test("what is in the home already is kept beside it", async () => {
  write(".agent/chats/one.jsonl", "hello");
  await packSession(place(), file);
  emptyHome();
  write(".agent/settings", "of the setup");
  await unpackSession(place(), file);
  expect(readFileSync(at(".agent/settings"), "utf8")).toBe("of the setup");
  expect(existsSync(at(".agent/chats/one.jsonl"))).toBe(true);
});

test("a session larger than it may be is not kept, and says so", async () => {
  write(".agent/chats/one.jsonl", "x".repeat(100_000));
  const small = { ...SESSION_LIMITS, unpackedBytes: 50_000 };
  await expect(packSession(place({ limits: small }), file)).rejects.toThrow("more than 50000 bytes unpacked");
  const few = { ...SESSION_LIMITS, entries: 1 };
  await expect(packSession(place({ limits: few }), `${file}-2`)).rejects.toThrow("more than 1 files");
  const packed = { ...SESSION_LIMITS, packedBytes: 10 };
  await expect(packSession(place({ limits: packed }), `${file}-3`)).rejects.toThrow("more than 10 bytes packed");
});

test("what is no file, folder or link is no session", async () => {
  mkdirSync(at(".agent/chats"), { recursive: true });
  execFileSync("/bin/sh", ["-c", 'mkfifo "$1"', "sh", at(".agent/chats/pipe")]);
  own(slot.home);
  await expect(packSession(place(), file)).rejects.toThrow("neither a file, a folder nor a link");
});

test("an archive that leads out of the home, or through a link, is not unpacked", async () => {
  for (const entries of [
    [{ path: "session/../../escaped" }],
    [{ path: "/etc/escaped" }],
    [{ path: "session/link", type: "2", target: "/tmp" }, { path: "session/link/escaped" }],
    [{ path: "other/file" }],
  ]) {
    writeFileSync(file, zstdCompressSync(tarOf(entries)));
    await expect(unpackSession(place(), file)).rejects.toThrow(/is not inside session|goes through a link/);
  }
  writeFileSync(file, "not an archive");
  await expect(unpackSession(place(), file)).rejects.toThrow();
  expect(existsSync(at("escaped"))).toBe(false);
});

test.runIf(process.getuid?.() === 0)(
  "tar reads as the job's user: a link to what is not its own gives nothing away",
  async () => {
    const secret = join(folder, "secret");
    writeFileSync(secret, "of the supervisor", { mode: 0o600 });
    chownSync(secret, 0, 0);
    mkdirSync(at(".agent"), { recursive: true });
    symlinkSync(folder, at(".agent/chats"));
    own(slot.home);
    // Through the link there is only what the job's user may read anyway.
    await packSession(place({ files: [".agent/chats/secret"] }), file).catch(() => null);
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    const unpacked = bytes.length === 0 ? "" : zstdDecompressSync(bytes).toString("latin1");
    expect(unpacked).not.toContain("of the supervisor");
  },
);
