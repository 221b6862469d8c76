/** `*` is every public host: not the private networks that the server itself may reach for its repositories. */
import http from "node:http";
import { expect, test } from "vitest";
import { ALLOWED, listen, startFront } from "./front.fixture.ts";
import { ask, basic, openTunnel } from "./socket-client.fixture.ts";

test("a place that only * lets in is refused at a private address of an allowed network, and told of", async () => {
  let asked = 0;
  const port = await listen(
    http.createServer((_request, response) => {
      asked += 1;
      response.end("inside");
    }),
  );
  const front = await startFront({ answer: (token) => ({ ...ALLOWED, publicOnly: token === "by-star" }) });
  const place = `inside.example:${port}`;
  const get = (token: string) =>
    ask(front.socket, `http://${place}/`, { headers: { "proxy-authorization": basic(token) } });
  expect((await get("by-name")).body).toBe("inside");
  const refused = await get("by-star");
  expect([refused.status, JSON.parse(refused.body)]).toMatchObject([403, { reason: "private_address" }]);
  expect(refused.body).toContain("public hosts alone");
  expect(await openTunnel(front.socket, place, "by-star")).toMatchObject({ ok: false, answer: { status: 403 } });
  expect(front.blocked).toEqual([`${place} private_address`, `${place} private_address`]);
  expect(asked).toBe(1);
});
