import { expect, it } from "vitest";
import { createHive } from "./hive-client.ts";

const AT = "2026-11-23T10:00:00Z";
const GROUP = {
  ...{ source: "a", fingerprint: "ff", title: "t", stage: "held", severity: "error", count: 1, regressed: false },
  ...{ firstAt: AT, lastAt: AT, firing: null, wakeAt: null, hold: null, mute: null, job: null, samples: [] },
};
const SOURCE = {
  ...{ id: "a", type: "generic", trust: "untrusted", managedBy: "file", everySeconds: null, hook: null, open: [] },
  funnel: { received: 0, filtered: 0, grouped: 0, overflow: 0, groups: 0, held: 0, jobs: 0 },
  ...{ waiting: 0, health: { goodAt: null, error: null, notice: null, nextPollAt: null } },
};
const DELIVERY = {
  ...{ id: "d1", receivedAt: AT, state: "failed", message: null, bytes: 1, seen: null, times: 1, replays: 1 },
};

/** What is enough of an answer for this path. */
function answerTo(path: string): object {
  if (path.startsWith("/v1/groups/")) return GROUP;
  if (path.endsWith("/replay")) return DELIVERY;
  if (path === "/v1/sources/a") return SOURCE;
  return { sources: [], occurrences: [], deliveries: [], groups: [], next: null };
}

/** A client whose server answers everything and writes down what it was asked. */
function listening() {
  const asked: string[] = [];
  const hive = createHive({
    url: "http://hive.test",
    token: "a-token-of-the-tests",
    fetch: async (input, init) => {
      const { pathname, search } = new URL(input instanceof Request ? input.url : input);
      const body = typeof init?.body === "string" ? ` ${init.body}` : "";
      asked.push(`${init?.method ?? "GET"} ${pathname}${search}${body}`);
      return Response.json(answerTo(pathname));
    },
  });
  return { asked, sources: hive.sources };
}

it("all that sources do is asked for by its name", async () => {
  const { asked, sources } = listening();
  await sources.list();
  await sources.get("a");
  await sources.test("a", "{}", { "x-event": "push" });
  await sources.deliveries("a", { state: "failed" });
  await sources.replay("a", "d1");
  await sources.groups("a", { stage: "held", limit: 2 });
  await sources.group("a", "ff");
  await sources.mute("a", "ff", { reason: "loud" });
  await sources.unmute("a", "ff");
  await sources.resolve("a", "ff", "done");
  await sources.release("a", "ff");
  expect(asked).toEqual([
    "GET /v1/sources",
    "GET /v1/sources/a",
    'POST /v1/sources/a/test {"body":"{}","headers":{"x-event":"push"}}',
    "GET /v1/sources/a/deliveries?state=failed",
    "POST /v1/deliveries/a/d1/replay",
    "GET /v1/sources/a/groups?stage=held&limit=2",
    "GET /v1/groups/a/ff",
    'POST /v1/groups/a/ff/mute {"reason":"loud"}',
    "POST /v1/groups/a/ff/unmute",
    'POST /v1/groups/a/ff/resolve {"reason":"done"}',
    "POST /v1/groups/a/ff/release {}",
  ]);
});
