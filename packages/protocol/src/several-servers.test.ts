import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { HiveError } from "@hive/core";
import { createClient, UnreachableError } from "./client.ts";
import { endpoints } from "./endpoints.ts";
import { problemOf } from "./problem.ts";
import { fetchFromAny, serverUrls } from "./several-servers.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Replica {
  readonly url: string;
  /** Requests it got. */
  asked: number;
  answer: Answer;
  leave(): Promise<void>;
}

const replicas: Replica[] = [];
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.leave();
});

const well: Answer = (_request, response) => response.writeHead(200, { "content-type": "application/json" }).end("{}");
const says =
  (error: HiveError): Answer =>
  (_request, response) => {
    const problem = problemOf(error);
    response.writeHead(problem.status, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
  };
const notReady = says(new HiveError("not_ready", "there is no queen"));
const breaksOff: Answer = (request) => request.socket.destroy();

async function replica(answer: Answer = well): Promise<Replica> {
  const server = createServer((request, response) => {
    made.asked += 1;
    request.resume().on("end", () => made.answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const made: Replica = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: 0,
    answer,
    leave: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  replicas.push(made);
  return made;
}

const asked = (): number[] => replicas.map((one) => one.asked);
const ways = (): typeof globalThis.fetch =>
  fetchFromAny(replicas.map(({ url }) => ({ baseUrl: url, fetch: globalThis.fetch })));
const post = { method: "POST", body: "x" };

test("a call goes to the address that last answered, and to the next one when nobody listens there", async () => {
  const [first] = [await replica(), await replica()];
  const fetch = ways();
  await first.leave();
  expect((await fetch(`${first.url}/a`, post)).status).toBe(200);
  expect((await fetch(`${first.url}/b`, post)).status).toBe(200);
  expect(asked()).toEqual([0, 2]);
});

test("a server that is not ready did nothing: the next one is asked, and asked first from then on", async () => {
  const [first] = [await replica(notReady), await replica()];
  const fetch = ways();
  expect((await fetch(`${first.url}/a`, post)).status).toBe(200);
  first.answer = well;
  await fetch(`${first.url}/b`, post);
  expect(asked()).toEqual([1, 2]);
});

test("when none is ready the answer says so, and each was asked once", async () => {
  const [first] = [await replica(notReady), await replica(notReady), await replica(notReady)];
  const response = await ways()(`${first.url}/a`);
  expect(await response.json()).toMatchObject({ code: "not_ready", detail: "there is no queen" });
  expect(asked()).toEqual([1, 1, 1]);
});

test("a request that may have been heard is not sent to another by itself; its repetition is", async () => {
  for (const answer of [
    breaksOff,
    says(new HiveError("store_failed", "unknown")),
    says(new HiveError("internal", "x")),
  ]) {
    const [first] = [await replica(answer), await replica()];
    await ways()(`${first.url}/a`, post).catch(() => undefined);
    expect(asked()).toEqual([1, 0]);
    for (const one of replicas.splice(0)) await one.leave();
  }
  const [first] = [await replica(breaksOff), await replica()];
  const fetch = ways();
  await expect(fetch(`${first.url}/a`, post)).rejects.toThrow();
  expect((await fetch(`${first.url}/a`, post)).status).toBe(200);
  expect(asked()).toEqual([1, 1]);
});

test("a server that does not answer in time loses its turn; a caller that gave up says nothing about it", async () => {
  const heard = Promise.withResolvers<void>();
  const silent: Answer = () => heard.resolve();
  const [first] = [await replica(silent), await replica()];
  const fetch = ways();
  const leaving = new AbortController();
  const given = fetch(`${first.url}/a`, { ...post, signal: leaving.signal });
  await heard.promise;
  leaving.abort();
  await expect(given).rejects.toThrow();
  await expect(fetch(`${first.url}/b`, { ...post, signal: AbortSignal.timeout(50) })).rejects.toThrow();
  expect(asked()).toEqual([2, 0]);
  expect((await fetch(`${first.url}/c`, post)).status).toBe(200);
  expect(asked()).toEqual([2, 1]);
});

test("a client of several addresses names them all when none of them answers", async () => {
  const client = createClient({ baseUrl: ["http://127.0.0.1:1/", "http://127.0.0.1:2"] });
  const asking = client.call(endpoints.health, {});
  await expect(asking).rejects.toThrow(UnreachableError);
  await expect(asking).rejects.toThrow("http://127.0.0.1:1, http://127.0.0.1:2 did not answer");
  expect(() => createClient({ baseUrl: [] })).toThrow("no address");
});

test("addresses are separated by commas", () => {
  expect(serverUrls(" http://a:1/, http://b:2/hive/ ,")).toEqual(["http://a:1", "http://b:2/hive"]);
});
