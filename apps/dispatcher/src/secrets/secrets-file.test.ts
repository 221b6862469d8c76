import { execFile } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseKeyRing } from "./sealing.ts";
import { loadSecrets, SECRET_NAMES, SECRETS_FILE } from "./secrets-file.ts";

let root = "";
let dataDir = "";
let path = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "hive-secrets-"));
  dataDir = join(root, "hive data");
  path = join(dataDir, SECRETS_FILE);
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("the first start writes every secret into a file only its owner can read", async () => {
  const loaded = await loadSecrets({ dataDir, env: {} });
  expect(loaded.written).toEqual(SECRET_NAMES);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  expect(await readdir(dataDir)).toEqual([SECRETS_FILE]);
  expect(loaded.env["INTERNAL_API_TOKEN"]).toMatch(/^hive_[\w-]{43}$/);
  expect(loaded.env["CALLBACK_SECRET"]).toMatch(/^[\w-]{43}$/);
  expect(loaded.env["HIVE_WEBHOOK_SECRET"]).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(parseKeyRing(loaded.env["HIVE_SEALING_KEYS"] ?? "")).toHaveLength(1);
  const der = Buffer.from(loaded.env["HIVE_SIGNING_KEY"] ?? "", "base64");
  expect(createPrivateKey({ key: der, format: "der", type: "pkcs8" }).asymmetricKeyType).toBe("ed25519");
});

test("the next start reads the same secrets and leaves the file as it is", async () => {
  const first = await loadSecrets({ dataDir, env: {} });
  const before = await readFile(path, "utf8");
  const second = await loadSecrets({ dataDir, env: {} });
  expect(second.env).toEqual(first.env);
  expect(second.written).toEqual([]);
  expect(await readFile(path, "utf8")).toBe(before);
});

test("a shell that sources the file gets exactly the server's secrets", async () => {
  const loaded = await loadSecrets({ dataDir, env: {} });
  const print = `set -eu; . "$1"; printf '%s\\n' ${SECRET_NAMES.map((name) => `"$${name}"`).join(" ")}; env | grep -c ^HIVE_`;
  const { stdout } = await promisify(execFile)("sh", ["-c", print, "sh", path], { env: { PATH: "/usr/bin:/bin" } });
  expect(stdout.trim().split("\n")).toEqual([...SECRET_NAMES.map((name) => loaded.env[name]), "3"]);
});

test("the environment wins over the file, which then is not given that name", async () => {
  const env = { INTERNAL_API_TOKEN: "from-the-environment", CALLBACK_SECRET: "", OTHER: "kept" };
  const loaded = await loadSecrets({ dataDir, env });
  expect(loaded.env["INTERNAL_API_TOKEN"]).toBe("from-the-environment");
  expect(loaded.env["OTHER"]).toBe("kept");
  expect(loaded.env["CALLBACK_SECRET"]).not.toBe("");
  expect(await readFile(path, "utf8")).not.toContain("INTERNAL_API_TOKEN");
  expect(loaded.shadowed).toEqual([]);
});

test("a name the environment sets to something else than the file is told", async () => {
  await loadSecrets({ dataDir, env: {} });
  const loaded = await loadSecrets({ dataDir, env: { INTERNAL_API_TOKEN: "another" } });
  expect(loaded.shadowed).toEqual(["INTERNAL_API_TOKEN"]);
  expect(loaded.env["INTERNAL_API_TOKEN"]).toBe("another");
});

test("a server with every secret in its environment writes no file", async () => {
  const env = Object.fromEntries(SECRET_NAMES.map((name) => [name, "set"]));
  await loadSecrets({ dataDir, env });
  expect(await readdir(dataDir)).toEqual([]);
});

test("a name that is new to an old file is added and nothing else is touched", async () => {
  const { env } = await loadSecrets({ dataDir, env: {} });
  const old = `# mine\nexport INTERNAL_API_TOKEN='${env["INTERNAL_API_TOKEN"] ?? ""}'\nANTHROPIC_API_KEY="sk-1"`;
  await writeFile(path, old);
  const loaded = await loadSecrets({ dataDir, env: {} });
  const text = await readFile(path, "utf8");
  expect(text.startsWith(`${old}\nexport `)).toBe(true);
  expect(loaded.written).toEqual(SECRET_NAMES.filter((name) => name !== "INTERNAL_API_TOKEN"));
  expect(loaded.env["INTERNAL_API_TOKEN"]).toBe(env["INTERNAL_API_TOKEN"]);
  expect(loaded.env["ANTHROPIC_API_KEY"]).toBe("sk-1");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("of several first starts at once, all end with the same secrets", async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => loadSecrets({ dataDir, env: {} })));
  expect(new Set(all.map(({ env }) => JSON.stringify(env))).size).toBe(1);
  expect(all.filter(({ written }) => written.length > 0)).toHaveLength(1);
  expect(await readdir(dataDir)).toEqual([SECRETS_FILE]);
});

for (const mode of [0o640, 0o604, 0o660, 0o644]) {
  test(`a file of mode ${mode.toString(8)} is refused with the command that helps`, async () => {
    await loadSecrets({ dataDir, env: {} });
    await chmod(path, mode);
    const loading = loadSecrets({ dataDir, env: {} });
    await expect(loading).rejects.toThrow(`Run: chmod 600 '${path}'`);
  });
}

test("a line that is no assignment is refused by its number, without showing it", async () => {
  await loadSecrets({ dataDir, env: {} });
  for (const line of [
    "rm -rf hunter2",
    "export A=$(hunter2)",
    "A=hunter2; B=2",
    'A="`hunter2`"',
    "A=b hunter2",
    "1A=hunter2",
  ]) {
    await writeFile(path, `# one\n${line}\n`);
    const error: unknown = await loadSecrets({ dataDir, env: {} }).catch((caught: unknown) => caught);
    expect(String(error)).toMatch(/Line 2 of .* is not of the form/);
    expect(String(error)).not.toContain("hunter2");
  }
});

test("a directory in the file's place is refused", async () => {
  await mkdir(path, { recursive: true });
  await expect(loadSecrets({ dataDir, env: {} })).rejects.toThrow(/is not a file/);
});
