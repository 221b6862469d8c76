import { expect, test } from "vitest";
import { nextInLine } from "./next-in-line.ts";
import { POLICY, signal, sourceStore } from "./source-store.fixture.ts";
import { wakeRefused } from "./wake-refused.ts";

test("those next in line are the worst and then the oldest, as many as there are places", async () => {
  const { clock, queue, observe } = await sourceStore();
  for (const [fingerprint, severity] of [
    ["a", "warning"],
    ["b", "error"],
    ["c", "error"],
  ] as const) {
    await observe([signal(fingerprint, { severity })]);
    clock.time += 1_000;
  }
  const next = async (maxOpen: number) => nextInLine(queue.documents, "s", { ...POLICY, maxOpen }, clock.wall());
  expect(await next(0)).toEqual({ fingerprints: [], againAt: null });
  expect(await next(2)).toEqual({ fingerprints: ["b", "c"], againAt: null });
  expect((await next(10)).fingerprints).toEqual(["b", "c", "a"]);
});

test("what was refused for the settings is due again when a server begins, and what waits for a place is not", async () => {
  const { queue, observe, tally } = await sourceStore();
  const policy = { ...POLICY, maxOpen: 1 };
  await observe([signal("wrong"), signal("waits")], { policy });
  const open = { type: "openGroup", source: "s", fingerprint: "wrong", episode: 1, policy, overBudget: false } as const;
  await queue.submit<"openGroup">({ ...open, job: { refused: "job.template: no such name: x" } });
  expect(await tally()).toMatchObject({ due: 0, held: 2 });
  await wakeRefused(queue, { id: "s", policy });
  const [group] = await queue.documents.get([{ collection: "groups", id: "s/wrong" }]);
  expect(group).toMatchObject({ stage: "due", hold: null });
  expect(await tally()).toMatchObject({ due: 1, held: 1 });
});
