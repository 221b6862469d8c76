import { groupKey, type Signal } from "@hive/core";
import { expect, test } from "vitest";
import type { Found } from "../intake/messages.ts";
import { createFoundKeeper } from "./keep-found.ts";
import { compileSource } from "./source-settings.ts";
import { signal, sourceStore } from "./source-store.fixture.ts";
import { SOURCE_TYPES } from "./source-types.ts";

test("the end of what was counted is heard although the condition leaves it out, and that of anything else is not", async () => {
  const { clock, queue, tally } = await sourceStore();
  const settings = { type: "generic", auth: "none", title: "title", job: { repo: "https://example.com/acme/app" } };
  const compiled = compileSource("s", { ...settings, open: { for: "1h" } }, SOURCE_TYPES);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const keep = createFoundKeeper({ queue, onFollowUp: () => {} });
  const told = (name: string, state: Signal["state"], episode: string | null): Signal =>
    signal(name, { state, episode, at: clock.wall() });
  const finds: Pick<Found, "signals" | "endings">[] = [
    { signals: [told("a", "firing", "1"), told("b", "firing", "1"), told("d", "firing", null)] },
    {
      signals: [told("c", "firing", "1")],
      endings: [
        ...[told("a", "resolved", "1"), told("b", "resolved", "2"), told("c", "resolved", "1")],
        ...[told("d", "resolved", null), told("unknown", "resolved", "1")],
      ],
    },
  ];
  for (const [version, one] of finds.entries()) {
    const position = { kind: "cursor", version, value: null } as const;
    await keep(compiled.source, { ...one, followUps: [], filtered: 0 }, { position, failed: null, memories: {} });
  }
  const keys = ["a", "b", "c", "d", "unknown"].map((name) => groupKey("s", name));
  const stages = (await queue.documents.get(keys)).map((doc) => doc?.["stage"]);
  expect(stages).toEqual(["resolved", "pending", "resolved", "pending", undefined]);
  expect(await tally()).toMatchObject({ received: 9, grouped: 6, filtered: 3 });
});

test("as many new groups as one delivery may bring find room where as many others wait for nothing", async () => {
  const { queue, tally } = await sourceStore();
  const settings = { type: "generic", auth: "none", title: "title", job: { repo: "https://example.com/acme/app" } };
  const compiled = compileSource("s", { ...settings, open: { count: 2 }, limits: { groups: 1_200 } }, SOURCE_TYPES);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const keep = createFoundKeeper({ queue, onFollowUp: () => {} });
  // Large enough that no page of the store has all of them.
  const sample = { at: 0, text: "x".repeat(8_000), fields: {}, link: null };
  for (const [version, name] of ["old", "new"].entries()) {
    const signals = Array.from({ length: 1_200 }, (_, n) => signal(`${name}${n}`, { sample }));
    const position = { kind: "cursor", version, value: null } as const;
    await keep(compiled.source, { signals, followUps: [], filtered: 0 }, { position, failed: null, memories: {} });
  }
  expect(await tally()).toMatchObject({ groups: 1_200, overflow: 0, grouped: 2_400 });
});
