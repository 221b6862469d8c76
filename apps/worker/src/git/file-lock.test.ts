import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { withFileLock } from "./file-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hive-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("lets one holder in at a time, also within one process, and goes on after one that failed", async () => {
  const file = join(folder, "lock");
  let inside = 0;
  let most = 0;
  const work = async (fails: boolean): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
    if (fails) throw new Error("failed inside");
  };
  const ends = await Promise.allSettled([1, 2, 3, 4].map((n) => withFileLock(file, () => work(n === 2))));
  expect(ends.map((end) => end.status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
  expect(most).toBe(1);
});

it("is free again the moment its holder is killed, and can be given up while waiting", async () => {
  const file = join(folder, "lock");
  const holder = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { withFileLock } from ${JSON.stringify(new URL("./file-lock.ts", import.meta.url).href)};
       await withFileLock(${JSON.stringify(file)}, () => new Promise(() => { console.log("held"); setInterval(() => {}, 1000); }));`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    await once(holder.stdout, "data");
    const impatient = new AbortController();
    const waiting = withFileLock(file, () => Promise.resolve("never"), impatient.signal);
    impatient.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(await withFileLock(file, () => Promise.resolve("mine"))).toBe("mine");
  } finally {
    holder.kill("SIGKILL");
  }
});
