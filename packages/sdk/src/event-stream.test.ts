import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient } from "@hive/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { eventStream } from "./event-stream.ts";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const event = (id: number): string => `id: ${id}\nevent: job.queued\ndata: {"id":${id}}\n\n`;
const read = (baseUrl: readonly string[], quietMs: number) =>
  eventStream(createClient({ baseUrl, token: "t" }), { after: 0, sleep: () => Promise.resolve(), quietMs });

describe("a reader of events whose server stands still", () => {
  it.each([
    ["before it answers", (_response: ServerResponse) => {}],
    ["in the middle of the stream", (response: ServerResponse) => void response.write(event(1))],
  ])("%s goes on at another one, after the last event it has", async (_, begin) => {
    const asked: string[] = [];
    const frozen = await serve((request, response) => {
      asked.push(`frozen ${request.url}`);
      if (asked.length === 1) begin(response);
    });
    const next = await serve((request, response) => {
      asked.push(`next ${request.url}`);
      const after = Number(new URL(request.url ?? "", frozen).searchParams.get("after"));
      for (let id = after + 1; id <= 3; id += 1) response.write(event(id));
    });
    const seen: number[] = [];
    for await (const { id } of read([frozen, next], 200)) if (seen.push(id) === 3) break;
    expect(seen).toEqual([1, 2, 3]);
    expect(asked.at(-1)).toMatch(/^next/);
  });

  it("is not taken for lost while there are signs of life", async () => {
    let asked = 0;
    const url = await serve((_request, response) => {
      asked += 1;
      response.write(event(1));
      const timer = setInterval(() => response.write(": ping\n\n"), 50);
      setTimeout(() => response.write(event(2)), 1_500);
      response.once("close", () => clearInterval(timer));
    });
    const seen: number[] = [];
    for await (const { id } of read([url], 1_000)) {
      seen.push(id);
      if (id === 2) break;
    }
    expect([seen, asked]).toEqual([[1, 2], 1]);
  });
});
