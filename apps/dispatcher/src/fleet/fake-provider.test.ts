import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { createFakeProvider, type FakeProvider } from "./fake-provider.ts";
import type { Exit, Launch } from "./provider.ts";

function launch(number: number): Launch {
  const pool = { name: "default", image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null };
  return { launchId: `launch-${number}`, name: `worker-${number}`, slot: number, pool, env: {} };
}

function world(): { provider: FakeProvider; exits: Exit[]; changes: string[] } {
  const provider = createFakeProvider({ clock: systemClock });
  const exits: Exit[] = [];
  const changes: string[] = [];
  provider.onExit((exit) => exits.push(exit));
  provider.onChange(() => changes.push(provider.status().state));
  return { provider, exits, changes };
}

test("a start fails as it was told to: it runs after an answer that was lost, and then only", async () => {
  const { provider } = world();
  for (const fault of ["failed", "missing", "unclear, does not run", "unclear, runs"] as const)
    provider.failStart(fault);
  const kinds = ["failed", "missing", "unclear", "unclear"];
  for (const kind of kinds) await expect(provider.start(launch(1))).rejects.toMatchObject({ kind });
  expect(await provider.list()).toHaveLength(1);
  await provider.start(launch(1));
  expect(provider.machine.started).toHaveLength(1);
});

test("a lost end is told by the next list, and a list that fails tells nothing", async () => {
  const { provider, exits } = world();
  await provider.start(launch(1));
  provider.end("launch-1", { code: 1, lost: true });
  provider.failList();
  await expect(provider.list()).rejects.toThrow("cannot say");
  expect(exits).toEqual([]);
  expect(await provider.list()).toEqual([]);
  expect(exits).toMatchObject([{ code: 1, outside: false }]);
});

test("while it is dead nobody can be asked, and what ended meanwhile is nobody's fault", async () => {
  const { provider, exits, changes } = world();
  await provider.start(launch(1));
  provider.die("the fake machine is off");
  expect(provider.status()).toMatchObject({ state: "unreachable", reason: "the fake machine is off" });
  for (const call of [provider.list(), provider.start(launch(2)), provider.stop("launch-1", 0)])
    await expect(call).rejects.toMatchObject({ kind: "unclear" });
  provider.end("launch-1", { code: 1 });
  expect(exits).toEqual([]);
  provider.comeBack();
  expect(exits).toMatchObject([{ code: 1, outside: true }]);
  expect(changes).toEqual(["unreachable", "ok"]);
});

test("readiness is what the test says", async () => {
  const { provider, changes } = world();
  provider.setReadiness({ ready: false, why: "missing", message: "no image" });
  expect(await provider.prepare(launch(1).pool)).toMatchObject({ why: "missing" });
  expect(changes).toHaveLength(1);
});
