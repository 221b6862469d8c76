import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { noteContact } from "./contact.ts";

let folder = "";
let file = "";
let now = 0;
let status = 200;
const warnings: string[] = [];
const options = () => ({ file, mono: () => now, warn: (message: string) => void warnings.push(message) });
const answer = (): Promise<Response> => Promise.resolve(new Response(null, { status }));

beforeEach(async () => {
  [now, status] = [0, 200];
  warnings.length = 0;
  folder = await mkdtemp(join(tmpdir(), "hive-contact-"));
  file = join(folder, "contact");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("an answer of the server touches the file, at most once a second; a gateway's error is no answer of the server", async () => {
  const fetch = noteContact(answer, options());
  status = 502;
  await fetch("http://x");
  await expect(stat(file)).rejects.toThrow("ENOENT");
  status = 409;
  await fetch("http://x");
  await stat(file);
  await rm(file);
  now = 999;
  await fetch("http://x");
  await expect(stat(file)).rejects.toThrow("ENOENT");
  now = 1_000;
  await fetch("http://x");
  await stat(file);
});

test("a file that cannot be touched is told once and harms no call", async () => {
  const fetch = noteContact(answer, { ...options(), file: join(folder, "none", "contact") });
  expect((await fetch("http://x")).status).toBe(200);
  now = 5_000;
  expect((await fetch("http://x")).status).toBe(200);
  expect(warnings).toHaveLength(1);
});

test("a call without an answer touches nothing", async () => {
  const fetch = noteContact(() => Promise.reject(new TypeError("fetch failed")), options());
  await expect(fetch("http://x")).rejects.toThrow("fetch failed");
  await expect(stat(file)).rejects.toThrow("ENOENT");
});
