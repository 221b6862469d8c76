import type { Socket } from "node:net";
import { numberId } from "@hive/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Queue } from "../queue/contract.ts";
import { OWNER, rawConnection, startServer, type TestServer } from "./server.fixture.ts";

const job = { repo: "https://github.com/acme/app", task: "script", script: "true" };

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

interface Event {
  readonly id: number | null;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** A reader of the stream that can be asked for so many events. */
async function follow(path = "/v1/events", headers: Record<string, string> = {}) {
  const stop = new AbortController();
  const response = await world.send("GET", path, { headers, signal: stop.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  const events: Event[] = [];
  let rest = "";
  return {
    events,
    stop: () => stop.abort(),
    async until(done: (events: readonly Event[]) => boolean): Promise<readonly Event[]> {
      while (!done(events)) {
        const { value, done: over } = (await reader?.read()) ?? { done: true, value: undefined };
        if (over) throw new Error("the stream ended");
        rest += decoder.decode(value, { stream: true });
        const frames = rest.split("\n\n");
        rest = frames.pop() ?? "";
        for (const text of frames) {
          const field = (name: string): string | null => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1] ?? null;
          const type = field("event");
          const id = field("id");
          if (type !== null)
            events.push({
              id: id === null ? null : Number(id),
              type,
              data: JSON.parse(field("data") ?? "{}") as Event["data"],
            });
        }
      }
      return events;
    },
  };
}

async function enqueue(count: number, prefix = "j"): Promise<void> {
  const jobs = Array.from({ length: count }, (_, i) => ({ ...job, jobId: `${prefix}${i}` }));
  expect((await world.send("POST", "/v1/jobs", { json: { jobs } })).status).toBe(202);
}

const ids = (events: readonly Event[]): (number | null)[] => events.map(({ id }) => id);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("the event stream", () => {
  it("brings what happens from now on, with rising numbers", async () => {
    await enqueue(3, "before");
    const reader = await follow();
    await enqueue(3);
    const events = await reader.until((all) => all.length >= 3);
    expect(ids(events)).toEqual([4, 5, 6]);
    expect(events[0]).toMatchObject({ type: "job.queued", data: { id: 4, jobId: "j0", type: "job.queued" } });
    reader.stop();
  });

  it("also brings what a commit stored that landed in spite of its error", async () => {
    await world.close();
    let fails = false;
    world = await startServer({
      faults: {
        afterCommit: () => {
          if (!fails) return;
          fails = false;
          throw new Error("the disk took it and then failed");
        },
      },
    });
    const reader = await follow();
    fails = true;
    expect((await world.send("POST", "/enqueue", { json: { ...job, jobId: "landed" } })).status).toBe(503);
    const events = await reader.until((all) => all.length >= 1);
    expect(events[0]).toMatchObject({ id: 1, type: "job.queued", data: { jobId: "landed" } });
    reader.stop();
  });

  it("goes on after an event without a gap or a repeat, while more happens", async () => {
    await enqueue(700, "a");
    const readers = await Promise.all(
      [0, 1, 350, 699, 700].map(async (after) => ({
        after,
        reader: await follow("/v1/events", { "last-event-id": String(after) }),
      })),
    );
    const more = (async () => {
      for (let i = 0; i < 20; i += 1) await enqueue(10, `b${i}-`);
    })();
    for (const { after, reader } of readers) {
      const events = await reader.until((all) => (all.at(-1)?.id ?? 0) >= 900);
      expect(ids(events)).toEqual(range(after + 1, 900));
      reader.stop();
    }
    await more;
  });

  it("takes ?after as well, and believes the header of a reader that comes back more", async () => {
    await enqueue(10);
    const reader = await follow("/v1/events?after=2", { "last-event-id": "7" });
    expect(ids(await reader.until((all) => all.length >= 3))).toEqual([8, 9, 10]);
    const query = await follow("/v1/events?after=8");
    expect(ids(await query.until((all) => all.length >= 2))).toEqual([9, 10]);
    reader.stop();
    query.stop();
  });

  it("of one job has that job's events only, stored and new", async () => {
    await enqueue(5);
    const reader = await follow("/v1/events?jobId=j3&after=0");
    await world.send("POST", "/v1/jobs/j2/cancel");
    await world.send("POST", "/v1/jobs/j3/cancel");
    const events = await reader.until((all) => all.some(({ type }) => type === "job.canceled"));
    expect(new Set(events.map(({ data }) => data["jobId"]))).toEqual(new Set(["j3"]));
    reader.stop();
  });

  it("resets a reader whose next events are not kept any more, and only such a one", async () => {
    await enqueue(2);
    await world.send("POST", "/v1/jobs/j0/cancel", { json: {} });
    // What retention does: the first job's first event is gone.
    const keys = [{ collection: "events", id: numberId(1) }];
    await world.queue.submit<"prune">({ type: "prune", keys, cleared: [] });
    const late = await follow("/v1/events", { "last-event-id": "0" });
    expect((await late.until((events) => events.length > 0))[0]).toMatchObject({
      type: "reset",
      data: { head: 3, why: "older events are not kept" },
    });
    const inTime = await follow("/v1/events", { "last-event-id": "1" });
    expect((await inTime.until((events) => events.length > 1)).map(({ id }) => id)).toEqual([2, 3]);
    const ofJob = await follow("/v1/events?jobId=j1", { "last-event-id": "0" });
    expect((await ofJob.until((events) => events.length > 0))[0]).toMatchObject({ id: 2, type: "job.queued" });
    for (const reader of [late, inTime, ofJob]) reader.stop();
  });

  it.each(["999999", "of-another-server", "-1", "1e3"])("resets a reader that names the event %s", async (last) => {
    await enqueue(5);
    const reader = await follow("/v1/events", { "last-event-id": last });
    const [first] = await reader.until((all) => all.length >= 1);
    expect(first).toMatchObject({ type: "reset", id: 5, data: { head: 5 } });
    await enqueue(1, "later");
    const events = await reader.until((all) => all.length >= 2);
    expect(events[1]?.id).toBe(6);
    reader.stop();
  });

  it("cuts off a reader that takes nothing, and nobody waits for it", async () => {
    const slow: Socket = await rawConnection(world.port);
    slow.pause();
    slow.write(`GET /v1/events?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${OWNER}\r\n\r\n`);
    while (!(await (await world.send("GET", "/metrics")).text()).includes('hive_stream_readers{kind="events"} 1'));
    let closed = false;
    slow.on("close", () => (closed = true));
    slow.on("error", () => {});
    const big = "x".repeat(200);
    for (let i = 0; i < 60 && !closed; i += 1) {
      const jobs = Array.from({ length: 1000 }, (_, k) => ({ ...job, jobId: `${big.slice(0, 100)}${i}-${k}` }));
      expect((await world.send("POST", "/v1/jobs", { json: { jobs } })).status).toBe(202);
      if ((await (await world.send("GET", "/metrics")).text()).includes('hive_stream_readers{kind="events"} 0')) break;
    }
    expect(await (await world.send("GET", "/metrics")).text()).toContain('hive_stream_readers{kind="events"} 0');
    slow.destroy();
  }, 60_000);

  it("has no gap where something happened right after the store was read", async () => {
    await world.close();
    let once = true;
    world = await startServer({
      change: (parts) => ({
        ...parts,
        queue: between(parts.queue, {
          afterList: async () => {
            if (!once) return;
            once = false;
            await enqueue(3, "meanwhile");
          },
        }),
      }),
    });
    await enqueue(2);
    const reader = await follow("/v1/events?after=1");
    await reader.until((all) => all.length >= 1);
    await enqueue(1, "later");
    const events = await reader.until((all) => (all.at(-1)?.id ?? 0) >= 6);
    expect(ids(events)).toEqual(range(2, 6));
    reader.stop();
  });

  it("has no repeat where the store knew more than had been told", async () => {
    await world.close();
    const held: (() => void)[] = [];
    let holding = false;
    world = await startServer({
      change: (parts) => ({
        ...parts,
        queue: between(parts.queue, { effect: (tell) => (holding ? void held.push(tell) : tell()) }),
      }),
    });
    await enqueue(2);
    holding = true;
    await enqueue(3, "untold");
    const reader = await follow("/v1/events?after=0");
    await reader.until((all) => (all.at(-1)?.id ?? 0) >= 5);
    holding = false;
    for (const tell of held) tell();
    await enqueue(1, "later");
    const events = await reader.until((all) => (all.at(-1)?.id ?? 0) >= 6);
    expect(ids(events)).toEqual(range(1, 6));
    reader.stop();
  });

  it("ends when the server stops, at once", async () => {
    const reader = await follow();
    const begun = performance.now();
    const closing = world.close();
    await expect(reader.until(() => false)).rejects.toThrow();
    await closing;
    expect(performance.now() - begun).toBeLessThan(4000);
    world = await startServer();
  });
});

/** The same queue, with something done between its steps. */
function between(
  queue: Queue,
  steps: { readonly afterList?: () => Promise<void>; readonly effect?: (tell: () => void) => void },
): Queue {
  return {
    submit: (command) => queue.submit(command),
    read: (look) => queue.read(look),
    readiness: () => queue.readiness(),
    onReadiness: (listener) => queue.onReadiness(listener),
    election: () => queue.election(),
    position: () => queue.position(),
    lastEvent: () => queue.lastEvent(),
    storeName: queue.storeName,
    documents: {
      get: (keys) => queue.documents.get(keys),
      async list(query) {
        const page = await queue.documents.list(query);
        if (query.collection === "events" && query.limit !== 1) await steps.afterList?.();
        return page;
      },
    },
    onChanges: () => () => {},
    onEffect: (listener) =>
      queue.onEffect((effect) =>
        steps.effect === undefined ? listener(effect) : steps.effect(() => listener(effect)),
      ),
  };
}

describe("the events of one job", () => {
  it("are listed oldest first, or newest first to see how it ended, page by page both ways", async () => {
    await enqueue(1);
    for (const verb of ["cancel", "retry", "cancel"]) await world.send("POST", `/v1/jobs/j0/${verb}`);
    const pages = async (order: string): Promise<readonly string[]> => {
      const types: string[] = [];
      let cursor = "";
      do {
        const page = (await (await world.send("GET", `/v1/jobs/j0/events?limit=3${order}${cursor}`)).json()) as {
          readonly events: readonly { readonly type: string }[];
          readonly next: string | null;
        };
        types.push(...page.events.map(({ type }) => type));
        cursor = page.next === null ? "" : `&cursor=${encodeURIComponent(page.next)}`;
      } while (cursor !== "");
      return types;
    };
    const oldest = ["job.queued", "job.canceled", "job.queued", "job.canceled"];
    expect(await pages("")).toEqual(oldest);
    expect(await pages("&order=newest")).toEqual(oldest.toReversed());
    expect((await world.send("GET", "/v1/jobs/j0/events?order=best")).status).toBe(422);
  });
});
