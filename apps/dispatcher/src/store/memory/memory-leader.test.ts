import { expect, test } from "vitest";
import { testLeadership } from "../../leader/leadership.fixture.ts";
import { type Election, StoreFenced, StoreHeld, StoreSecretsDiffer } from "../contract.ts";
import { MemoryContent } from "./memory-content.ts";
import { type MemoryFaults, MemoryStore } from "./memory-store.ts";

const TERM_MS = 4_000;
const THINGS = [{ name: "things", indexes: [] }];

/** Processes on one content and one clock; each `store` of a name is another handle of the same process. */
function world() {
  const content = new MemoryContent();
  const clock = { now: 0 };
  const mono = (): number => clock.now;
  function process(name: string, more: { readonly secretsId?: string; readonly faults?: MemoryFaults } = {}) {
    const leadership = testLeadership({ url: `http://${name}`, mono, ...more });
    return { store: () => new MemoryStore({ content, shared: { leadership, mono }, faults: more.faults ?? {} }) };
  }
  return { content, clock, process };
}

function write(store: MemoryStore, election: Election, sequence: number): Promise<void> {
  return store.commit({ election, sequence, changes: [{ collection: "things", id: "a", doc: { sequence } }] });
}

test("a standby is told who leads, and follows when nothing of her moved for a whole term of its own clock", async () => {
  const { clock, process } = world();
  const [a, b] = [process("a"), process("b")];
  const queen = a.store();
  const election = await queen.open(THINGS);
  const held: unknown = await b
    .store()
    .open(THINGS)
    .catch((error: unknown) => error);
  expect(held).toBeInstanceOf(StoreHeld);
  expect(held).toMatchObject({ queen: { url: "http://a" } });
  clock.now = TERM_MS - 1;
  await queen.confirm();
  clock.now += 1;
  await expect(b.store().open(THINGS)).rejects.toThrow(StoreHeld);
  clock.now += TERM_MS - 1;
  await write(queen, election, 1);
  await expect(b.store().open(THINGS)).rejects.toThrow(StoreHeld);
  clock.now += TERM_MS - 1;
  await expect(b.store().open(THINGS)).rejects.toThrow(StoreHeld);
  clock.now += 1;
  const follower = b.store();
  expect((await follower.open(THINGS)).epoch).toBe(election.epoch + 1);
  expect(await follower.get([{ collection: "things", id: "a" }])).toEqual([{ sequence: 1 }]);
  await expect(write(queen, election, 2)).rejects.toThrow(StoreFenced);
  await expect(queen.confirm()).rejects.toThrow(StoreFenced);
});

test("a queen is confirmed for half a term from when her last accepted renewal or commit was sent", async () => {
  const { clock, process } = world();
  const hold = { until: Promise.resolve() };
  const queen = process("a", { faults: { beforeRenewal: () => hold.until, beforeCommit: () => hold.until } }).store();
  const election = await queen.open(THINGS);
  for (const [n, act] of [() => queen.confirm(), () => write(queen, election, 1)].entries()) {
    clock.now += TERM_MS / 2 - 1;
    expect([n, queen.confirmed]).toEqual([n, true]);
    clock.now += 1;
    expect([n, queen.confirmed]).toEqual([n, false]);
    const slow = Promise.withResolvers<void>();
    hold.until = slow.promise;
    const acting = act();
    clock.now += TERM_MS / 2 - 1;
    slow.resolve();
    await acting;
    expect([n, queen.confirmed]).toEqual([n, true]);
    clock.now += 1;
    expect([n, queen.confirmed]).toEqual([n, false]);
    hold.until = Promise.resolve();
    await queen.confirm();
  }
});

test("a queen that stops cleanly is followed at once, and so is one's own earlier life", async () => {
  const { process } = world();
  const queen = process("a").store();
  await queen.open(THINGS);
  await queen.close();
  const next = process("b").store();
  await next.open(THINGS);
  next.crash();
  await expect(process("a").store().open(THINGS)).rejects.toThrow(StoreHeld);
  expect((await process("b").store().open(THINGS)).epoch).toBe(3);
});

test("of two that see a queen gone one is elected, the other is held", async () => {
  const { clock, process } = world();
  await process("a").store().open(THINGS);
  const [b, c] = [process("b"), process("c")];
  for (const one of [b, c]) await expect(one.store().open(THINGS)).rejects.toThrow(StoreHeld);
  clock.now = TERM_MS;
  const [first, second] = await Promise.allSettled([b.store().open(THINGS), c.store().open(THINGS)]);
  expect([first.status, second.status]).toEqual(["fulfilled", "rejected"]);
  expect(second).toMatchObject({ reason: { name: "StoreHeld", queen: { url: "http://b" } } });
});

test("an election whose answer was lost is known as one's own and not waited for", async () => {
  const { process } = world();
  let lost = true;
  const a = process("a", {
    faults: {
      afterElection: () => {
        if (lost) throw new Error("no answer");
      },
    },
  });
  await expect(a.store().open(THINGS)).rejects.toThrow("no answer");
  lost = false;
  expect((await a.store().open(THINGS)).epoch).toBe(2);
});

test("a dispatcher with other secrets is refused while another leads", async () => {
  const { process } = world();
  const queen = process("a").store();
  await queen.open(THINGS);
  await expect(process("b", { secretsId: "other" }).store().open(THINGS)).rejects.toThrow(StoreSecretsDiffer);
  await queen.close();
  await process("b", { secretsId: "other" }).store().open(THINGS);
});
