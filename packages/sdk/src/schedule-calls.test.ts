import { expect, it } from "vitest";
import { createHive } from "./hive-client.ts";

/** An answer that is enough for each of these requests. */
const REPLY = {
  ...{ id: "a", revision: 1, managedBy: "api", spec: {}, createdAt: 0, changedAt: 0, next: null, paused: null },
  ...{ runs: 0, failures: 0, open: [], buffered: [], lastSlot: null, words: null },
  ...{ records: [], removed: true, slots: [], timezone: "UTC" },
};

/** A client whose requests are written down and answered alike. */
function listening() {
  const asked: string[] = [];
  const hive = createHive({
    url: "http://hive.test",
    token: "token-of-a-test-0123456789",
    fetch: async (input, init) => {
      const { pathname, search } = new URL(input instanceof Request ? input.url : input);
      const headers = new Headers(init?.headers);
      const only = headers.get("if-match") ?? headers.get("if-none-match");
      const parts = [init?.method, pathname + search, init?.body, only].filter((part) => typeof part === "string");
      asked.push(parts.join(" "));
      return Response.json(REPLY);
    },
  });
  return { asked, schedules: hive.schedules };
}

const job = { repo: "https://github.com/acme/app", task: "test" } as const;

it("a schedule is put whatever is there, or only at the revision that is named", async () => {
  const { asked, schedules } = listening();
  await schedules.put("a", { every: "1h", job });
  await schedules.put("a", { every: "1h", job }, { revision: 3 });
  await schedules.put("a", { every: "1h", job }, { revision: 0 });
  const put = `PUT /v1/schedules/a ${JSON.stringify({ every: "1h", job })}`;
  expect(asked).toEqual([put, `${put} "3"`, `${put} *`]);
});

it("everything else that schedules do is asked for by its name", async () => {
  const { asked, schedules } = listening();
  await schedules.trigger("a", "allow");
  await schedules.backfill("a", { from: "2026-05-01T00:00:00Z", to: "2026-05-02T00:00:00Z" });
  await schedules.preview("a", 3);
  await schedules.preview({ every: "1h", job });
  await schedules.slots("a", { limit: 2 });
  await schedules.pause("a", "loud");
  await schedules.resume("a");
  expect(await schedules.remove("a")).toBe(true);
  expect(asked).toEqual([
    'POST /v1/schedules/a/trigger {"overlap":"allow"}',
    'POST /v1/schedules/a/backfill {"from":"2026-05-01T00:00:00Z","to":"2026-05-02T00:00:00Z"}',
    "GET /v1/schedules/a/preview?count=3",
    `POST /v1/schedules/preview?count=5 ${JSON.stringify({ every: "1h", job })}`,
    "GET /v1/schedules/a/slots?limit=2",
    'POST /v1/schedules/a/pause {"reason":"loud"}',
    "POST /v1/schedules/a/resume",
    "DELETE /v1/schedules/a",
  ]);
});
