import { chmod, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSlot, wipeSlot } from "./agent-user.ts";
import { run } from "./run.ts";

const isRoot = process.getuid?.() === 0;
const env = { PATH: "/usr/bin:/bin" };
const uidBase = 28_000 + (process.pid % 1000);
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-slot-"));
  await chmod(folder, 0o755);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("between jobs a slot is emptied, locked folders and hidden files included, and links are not followed", async () => {
  const kept = join(folder, "kept");
  await writeFile(kept, "not the job's");
  const slot = await openSlot({ folder: join(folder, "a"), slot: 0, uidBase });
  const script = `cd ${slot.workspace} && mkdir -p .git/x deep/er && echo 1 >.git/x/file && echo 2 >deep/er/.hidden
    chmod 000 deep/er deep; cd ${slot.home} && touch .bashrc && ln -s ${folder} outside`;
  const made = await run({ argv: ["sh", "-c", script], cwd: "/", env, ...(slot.user ? { user: slot.user } : {}) });
  expect(made.exitCode).toBe(0);
  await symlink(kept, join(slot.tmp, "kept"));
  await wipeSlot(slot);
  for (const place of [slot.home, slot.tmp, slot.workspace]) expect(await readdir(place)).toEqual([]);
  expect(await readdir(folder)).toContain("kept");
});

test.runIf(isRoot)("as root a slot has its own user, who cannot read the supervisor's files", async () => {
  const secret = join(folder, "secret");
  await writeFile(secret, "x", { mode: 0o600 });
  const slot = await openSlot({ folder: join(folder, "b"), slot: 1, uidBase });
  expect(slot).toMatchObject({ isolation: "user", user: { uid: uidBase + 1 } });
  const { user } = slot;
  if (!user) throw new Error("no user");
  expect((await run({ argv: ["cat", secret], cwd: "/", env, user })).exitCode).toBe(1);
  expect((await run({ argv: ["touch", join(slot.workspace, "x")], cwd: "/", env, user })).exitCode).toBe(0);
});

test.runIf(isRoot)(
  "what a job left where everybody may write goes too: locked folders, many long names, links",
  async () => {
    const slot = await openSlot({ folder: join(folder, "c"), slot: 2, uidBase });
    const { user } = slot;
    if (!user) throw new Error("no user");
    const left = `hive-left-${process.pid}`;
    // Their names together are longer than what one command may be given.
    const script = `mkdir -p /tmp/${left}/in && touch /tmp/${left}/in/file /dev/shm/${left} && chmod 000 /tmp/${left}/in /tmp/${left}
    ln -s ${folder} /var/tmp/${left}
    cd /tmp && i=0; long=$(printf '%0200d' 0); while [ $i -lt 12000 ]; do echo ${left}-$i-$long; i=$((i+1)); done | xargs touch`;
    const made = await run({ argv: ["sh", "-c", script], cwd: "/", env, user });
    expect(made.exitCode).toBe(0);
    await wipeSlot(slot);
    for (const shared of ["/tmp", "/var/tmp", "/dev/shm"]) {
      expect((await readdir(shared)).filter((name) => name.startsWith(left))).toEqual([]);
    }
    expect(await readdir(folder)).toContain("c");
  },
);

test.runIf(isRoot)("memory that a job shared through the kernel does not outlive it", async () => {
  const slot = await openSlot({ folder: join(folder, "ipc"), slot: 5, uidBase });
  const { user } = slot;
  if (!user) throw new Error("no user");
  const made = await run({ argv: ["sh", "-c", "ipcmk -M 4096; ipcmk -S 2; ipcmk -Q"], cwd: "/", env, user });
  expect(made.exitCode).toBe(0);
  const owned = async (): Promise<string[]> => {
    const tables = await Promise.all(["shm", "sem", "msg"].map((kind) => readFile(`/proc/sysvipc/${kind}`, "utf8")));
    return tables.filter((table) => new RegExp(`\\s${user.uid}\\s`).test(table));
  };
  expect(await owned()).toHaveLength(3);
  await wipeSlot(slot);
  expect(await owned()).toEqual([]);
});

test.runIf(isRoot)("a slot whose folder the user cannot reach says so and has no user", async () => {
  const closed = join(folder, "closed");
  const slot = await openSlot({ folder: join(closed, "d"), slot: 3, uidBase, mustReach: ["/etc/shadow"] });
  expect(slot.isolation).toBe("none");
  expect(slot.why).toContain("/etc/shadow");
});

test.runIf(!isRoot)("without root a slot says that jobs run as the worker's own user", async () => {
  const slot = await openSlot({ folder: join(folder, "e"), slot: 4 });
  expect(slot).toMatchObject({ isolation: "none", user: undefined });
  expect(slot.why).toContain("does not run as root");
});

test.runIf(isRoot)("a polite slot's programs let everybody go first, and cannot take that back", async () => {
  const slot = await openSlot({ folder: join(folder, "polite"), slot: 7, uidBase, niceness: 19 });
  const { user, limits } = slot;
  if (!user) throw new Error("no user");
  let printed = "";
  const script = "nice; renice -n 0 -p $$ >/dev/null 2>&1; nice";
  const onOutput = (chunk: Uint8Array) => void (printed += Buffer.from(chunk).toString());
  await run({ argv: ["sh", "-c", script], cwd: "/", env, user, limits, onOutput });
  expect(printed).toBe("19\n19\n");
});
