import { expect, it } from "vitest";
import { createRoom } from "./room.ts";

/** A room whose timers the test fires, and a note of who was woken. */
function makeRoom() {
  const timers = new Set<() => void>();
  const woken: string[] = [];
  const room = createRoom({
    after(_, run) {
      timers.add(run);
      return () => void timers.delete(run);
    },
  });
  const wait = (name: string, gone = new AbortController().signal) =>
    room.change(1_000, gone).then(() => void woken.push(name));
  return { room, timers, woken, wait };
}

it("wakes everybody when a call was settled, once", async () => {
  const { room, timers, woken, wait } = makeRoom();
  const both = Promise.all([wait("a"), wait("b")]);
  room.settled();
  await both;
  room.settled();
  expect([woken, timers.size]).toEqual([["a", "b"], 0]);
});

it("wakes who has waited long enough", async () => {
  const { timers, woken, wait } = makeRoom();
  const one = wait("a");
  for (const timer of [...timers]) timer();
  await one;
  expect([woken, timers.size]).toEqual([["a"], 0]);
});

it("wakes whose caller is gone, also when it was gone before", async () => {
  const { timers, woken, wait } = makeRoom();
  const caller = new AbortController();
  const one = wait("a", caller.signal);
  caller.abort();
  await Promise.all([one, wait("b", caller.signal)]);
  expect([woken, timers.size]).toEqual([["a", "b"], 0]);
});
