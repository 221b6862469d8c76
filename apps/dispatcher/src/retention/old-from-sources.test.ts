import { deliveryKey } from "@hive/core";
import { expect, test } from "vitest";
import { signal, sourceStore } from "../sources/source-store.fixture.ts";
import { removeOldFromSources } from "./old-from-sources.ts";

const DAY_MS = 86_400_000;

async function world() {
  const { clock, queue, ...store } = await sourceStore();
  const keep = { days: 0, jobs: 0, logDays: 0, idDays: 365 };
  const sweep = (sources?: readonly string[]) => {
    const logs = { remove: () => Promise.resolve() };
    const pause = (): Promise<void> => Promise.resolve();
    return removeOldFromSources({ queue, logs, clock, keep, pause, sources: sources && (() => sources) });
  };
  return { clock, queue, sweep, ...store };
}

test("deliveries that were looked at go after seven days, and the oldest where there are more than a thousand", async () => {
  const { clock, queue, observe, tally, sweep } = await world();
  const receive = async (id: string) =>
    queue.submit<"receive">({ type: "receive", source: "s", id, bytes: 1, sealed: 0 });
  const look = async (id: string) => {
    await receive(id);
    await observe([], { position: { kind: "delivery", id, replay: false } });
  };
  await look("old");
  await receive("waits");
  clock.time += 6 * DAY_MS;
  for (let n = 0; n < 1_005; n += 1) await look(`d${String(n).padStart(4, "0")}`);
  expect(await sweep()).toBe(7);
  expect(await tally()).toMatchObject({ deliveries: 1_000, waiting: 1 });
  const found = async (...ids: string[]) => {
    const docs = await queue.documents.get(ids.map((id) => deliveryKey("s", id)));
    return docs.map((doc) => doc !== null);
  };
  expect(await found("old", "waits", "d0004", "d0010")).toEqual([false, true, false, true]);
  clock.time += 8 * DAY_MS;
  await sweep();
  expect(await tally()).toMatchObject({ deliveries: 1, waiting: 1 });
});

test("groups that nobody heard of for ninety days go, but not those that are held", async () => {
  const { clock, queue, observe, tally, sweep } = await world();
  await observe([signal("held"), signal("quiet", { note: true })]);
  clock.time += 80 * DAY_MS;
  await observe([signal("later", { note: true })]);
  clock.time += 11 * DAY_MS;
  expect(await sweep()).toBe(1);
  expect(await tally()).toMatchObject({ groups: 2, held: 1 });
  expect(await queue.documents.get([{ collection: "groups", id: "s/quiet" }])).toEqual([null]);
});

test("what a source read and remembered goes a week after it was taken out of the settings", async () => {
  const { clock, queue, observe, sweep } = await world();
  const memories = Array.from({ length: 450 }, (_, n) => ({ id: `m${n}`, value: { n } }));
  await observe([], { memories });
  expect(await sweep([])).toBe(0);
  clock.time += 8 * DAY_MS;
  expect(await sweep()).toBe(0);
  expect(await sweep(["s"])).toBe(0);
  expect(await sweep([])).toBe(451);
  expect((await queue.documents.list({ collection: "memories" })).items).toEqual([]);
});
