import { expect, it } from "vitest";
import { type JobEvent, joined, merged } from "./job-event-pages.ts";

const event = (id: number): JobEvent => ({ id, type: "job.progress", at: id, jobId: "one", data: {} });
const events = (...ids: number[]): JobEvent[] => ids.map(event);
const ids = (all: readonly JobEvent[]): number[] => all.map(({ id }) => id);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

it("events come once each and in order, however the stream and the pages overlap", () => {
  expect(ids(merged(events(1, 2), events(3, 4)))).toEqual([1, 2, 3, 4]);
  expect(ids(merged(events(4, 5), events(5, 4, 3, 2)))).toEqual([2, 3, 4, 5]);
  expect(ids(merged([], events(3, 1, 2)))).toEqual([1, 2, 3]);
  expect(ids(merged(events(1, 2, 5), events(2, 5, 9)))).toEqual([1, 2, 5, 9]);
});

it("a newest page that does not reach back to what is known takes its place, so that no hole is shown", () => {
  const known = { events: events(...range(1, 600)), earlier: "earlier" };
  const page = { events: events(...range(590, 700)).toReversed(), next: "behind" };
  const whole = joined(known, page);
  expect([ids(whole.events), whole.earlier]).toEqual([range(1, 700), "earlier"]);
  const far = { events: events(...range(900, 1_000)).toReversed(), next: "behind" };
  const later = joined(known, far);
  expect([ids(later.events), later.earlier]).toEqual([range(900, 1_000), "behind"]);
});

it("what the stream brought before the first page stays", () => {
  const first = joined({ events: events(12), earlier: null }, { events: events(11, 10), next: "behind" });
  expect([ids(first.events), first.earlier]).toEqual([[10, 11, 12], "behind"]);
});
