import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { watchMemory } from "./memory-watch.ts";

let folder = "";
let due: (() => void)[] = [];
const clock = {
  after(_ms: number, act: () => void): () => void {
    due.push(act);
    return () => {
      due = due.filter((one) => one !== act);
    };
  },
};
const tick = (): void => {
  for (const act of due.splice(0)) act();
};

beforeEach(async () => {
  due = [];
  folder = await mkdtemp(join(tmpdir(), "hive-memory-"));
});
afterEach(() => rm(folder, { recursive: true }));

test.each([
  ["1", "memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill ", "memory/memory.limit_in_bytes"],
  ["2", "memory.events", "low 0\noom 3\noom_kill ", "memory.max"],
])(
  "with control groups of version %s a kill is told once, with the limit, and earlier ones are not",
  async (_, counter, text, limit) => {
    await mkdir(join(folder, "memory"));
    await writeFile(join(folder, counter), `${text}2\n`);
    await writeFile(join(folder, limit), "536870912\n");
    const told: string[] = [];
    const watch = watchMemory({ clock, folder, onKill: (reason) => told.push(reason) });
    tick();
    expect(told).toEqual([]);
    await writeFile(join(folder, counter), `${text}3\n`);
    tick();
    await writeFile(join(folder, counter), `${text}4\n`);
    watch.look();
    expect(told).toEqual(["the job needed more memory than its container has, which is 512 MiB"]);
    expect(due).toEqual([]);
  },
);

test("a watch that was stopped, or that finds no counter, tells nothing", async () => {
  const onKill = (): void => expect.unreachable();
  watchMemory({ clock, folder, onKill }).look();
  expect(due).toEqual([]);
  await writeFile(join(folder, "memory.events"), "oom_kill 0\n");
  const watch = watchMemory({ clock, folder, onKill });
  watch.stop();
  await writeFile(join(folder, "memory.events"), "oom_kill 1\n");
  watch.look();
  expect(due).toEqual([]);
});
