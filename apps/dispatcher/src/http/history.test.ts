/** The history where events are too many, or gone, or begin before it. Over HTTP it is in overview.test.ts. */

import { type Document, numberId, type Status } from "@hive/core";
import { expect, it } from "vitest";
import type { Query } from "../store/contract.ts";
import { historyOf } from "./history.ts";

const NOW = Date.UTC(2026, 10, 24, 12);
const MINUTE_MS = 60_000;

/** A job was in a status from so many minutes before now on. */
type Told = readonly [minutesAgo: number, jobId: string, status: Status];

/** As much of a queue as the history asks. `upTo`: events up to this number are not all kept. */
function queueWith(
  told: readonly Told[],
  counts = { queued: 0, running: 0 },
  upTo = 0,
): Parameters<typeof historyOf>[0] {
  const events = told.map(([minutes, jobId, status], place) => ({
    ...{ id: place + 1, n: place + 1, type: `job.${status}`, at: NOW - minutes * MINUTE_MS, jobId },
    data: { status, reason: status === "failed" ? "exit_code" : null },
  }));
  const source = {
    clock: { wall: () => NOW },
    queue: {
      read: async (look: (state: object) => unknown) => look({ counts, nextEvent: events.length + 1 }),
      documents: {
        get: async (keys: readonly { readonly collection: string }[]): Promise<(Document | null)[]> =>
          keys.map(({ collection }) => (collection === "marks" && upTo > 0 ? { upTo } : null)),
        async list({ index, equals, from, below, after, limit = 100 }: Query) {
          const found = events.toReversed().filter(({ id, jobId }) => {
            if (index === "job") return jobId === equals?.["jobId"] && id < Number(below);
            const name = numberId(id);
            return name >= String(from) && name < String(below) && (after === undefined || name < after.id);
          });
          const page = found.slice(0, limit);
          const last = page.at(-1);
          const more = found.length > limit && last !== undefined;
          return {
            items: page.map((doc) => ({ id: numberId(doc.id), doc })),
            next: more ? { range: numberId(last.id), id: numberId(last.id) } : null,
          };
        },
      },
    },
  };
  return source as unknown as Parameters<typeof historyOf>[0];
}

it("who began to wait before the history did is counted, with the whole wait", async () => {
  const queue = queueWith([
    [180, "a", "queued"],
    [30, "a", "running"],
    [10, "a", "failed"],
  ]);
  const { points, since, from, failures } = await historyOf(queue, "1h");
  expect(since).toBe(from);
  expect(points[0]).toMatchObject({ queued: 1, running: 0, wait: null });
  expect(points.filter(({ queued }) => queued === 1)).toHaveLength(29);
  expect(points.find(({ wait }) => wait !== null)?.wait).toEqual({
    ...{ jobs: 1, medianMs: 150 * MINUTE_MS, longestMs: 150 * MINUTE_MS },
  });
  expect(points.filter(({ running }) => running === 1)).toHaveLength(20);
  expect(points.at(-1)).toMatchObject({ queued: 0, running: 0 });
  expect(failures).toEqual([{ reason: "exit_code", count: 1, jobId: "a" }]);
});

it("more events than are read: it begins at the oldest that was, and says so", async () => {
  const told = Array.from({ length: 21_000 }, (_, place): Told => [55 - place / 400, `job-${place}`, "failed"]);
  const { points, since, from } = await historyOf(queueWith(told), "1h");
  expect(since).toBeGreaterThan(from);
  expect(points[0]?.at).toBe(since);
  expect(points.reduce((sum, { failed }) => sum + failed, 0)).toBeLessThanOrEqual(20_000);
});

it("where events went with jobs that are not kept, nothing is claimed", async () => {
  const told: readonly Told[] = [
    [50, "a", "failed"],
    [20, "b", "failed"],
    [15, "c", "failed"],
  ];
  const { points, since } = await historyOf(queueWith(told, undefined, 2), "1h");
  expect(since).toBe(NOW - 15 * MINUTE_MS);
  expect(points.reduce((sum, { failed }) => sum + failed, 0)).toBe(1);
});
