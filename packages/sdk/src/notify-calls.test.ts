import { expect, it } from "vitest";
import { createHive } from "./hive-client.ts";

it("channels are listed, and a test is sent once even if nobody answers", async () => {
  const asked: string[] = [];
  const hive = createHive({
    url: "http://hive.test",
    token: "a-token-of-the-tests",
    sleep: async () => {},
    fetch: async (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      asked.push(`${init?.method ?? "GET"} ${pathname}${typeof init?.body === "string" ? ` ${init.body}` : ""}`);
      if (pathname.endsWith("/test") && asked.length > 2) throw new TypeError("nobody answers");
      return Response.json(pathname.endsWith("/test") ? { ok: true, said: "200 ok", ms: 3 } : { channels: [] });
    },
  });
  expect(await hive.notify.list()).toEqual([]);
  expect(await hive.notify.test("team")).toEqual({ ok: true, said: "200 ok", ms: 3 });
  await expect(hive.notify.test("team")).rejects.toThrow();
  const test = 'POST /v1/notify/test {"channel":"team"}';
  expect(asked).toEqual(["GET /v1/notify", test, test]);
});
