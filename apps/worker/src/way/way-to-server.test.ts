// A server of several replicas: whoever is on this worker goes on by another when one is gone.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startSocketServer } from "./socket-server.fixture.ts";
import { openWay, type WayToServer } from "./way-to-server.ts";

const clock = { mono: () => 0 };
const none = { llmUrl: null, contactFile: null };
const closing: (() => Promise<unknown>)[] = [];
let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-way-"));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await rm(folder, { recursive: true });
});

async function way(options: { dispatcherUrls: readonly string[]; sockets: readonly string[] }): Promise<WayToServer> {
  const opened = await openWay({ ...none, ...options }, clock, () => undefined);
  closing.push(() => opened.close());
  return opened;
}

/** A replica on the network that answers with its name, the path and the host it was asked for. */
async function replica(name: string): Promise<{ readonly url: string; leave(): Promise<unknown> }> {
  const server = createServer((incoming, outgoing) => outgoing.end(`${name} ${incoming.url} ${incoming.headers.host}`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const leave = (): Promise<unknown> =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  closing.push(leave);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, leave };
}

const said = async (opened: WayToServer, url: string): Promise<string> => (await opened.fetch(url)).text();

test("with several sockets the worker, its gateway and its tunnels go on by the next when one is gone", async () => {
  const paths = [join(folder, "one.sock"), join(folder, "two.sock")];
  const [one, two] = [await startSocketServer(paths[0] ?? "", null), await startSocketServer(paths[1] ?? "", null)];
  closing.push(
    () => one.leave(),
    () => two.leave(),
  );
  one.answer = () => ({ status: 200, body: "one" });
  two.answer = () => ({ status: 200, body: "two" });
  two.onTunnel = (socket) => void socket.end("through two");
  const opened = await way({ dispatcherUrls: ["http://hive"], sockets: paths });
  expect(opened.serverName).toBe(`unix:${paths[0]}, unix:${paths[1]}`);
  expect([await said(opened, "http://hive/v1"), await (await fetch(`${opened.llmUrl}/llm/x`)).text()]).toEqual([
    "one",
    "one",
  ]);
  await one.leave();
  expect([await said(opened, "http://hive/v1"), await (await fetch(`${opened.llmUrl}/llm/x`)).text()]).toEqual([
    "two",
    "two",
  ]);
  const proxy = new URL(opened.proxyFor("token") ?? "");
  const tunnel = connect(Number(proxy.port), "127.0.0.1");
  tunnel.write("CONNECT registry.example:443 HTTP/1.1\r\nhost: registry.example\r\n\r\n");
  expect(await text(tunnel)).toBe("HTTP/1.1 200 Connection established\r\n\r\nthrough two");
});

test("with several addresses agents reach the gateway of a replica that is there, and nothing else by the relay", async () => {
  const [one, two] = [await replica("one"), await replica("two")];
  const opened = await way({ dispatcherUrls: [`${one.url}/hive`, two.url], sockets: [] });
  expect(opened.proxyFor("token")).toBe(null);
  const gateway = async (): Promise<string> => (await fetch(`${opened.llmUrl}/llm/x`)).text();
  expect(await gateway()).toBe(`one /hive/llm/x ${new URL(one.url).host}`);
  expect(await said(opened, `${one.url}/hive/v1/a`)).toContain("one /hive/v1/a");
  await one.leave();
  expect(await gateway()).toBe(`two /llm/x ${new URL(two.url).host}`);
  expect(await said(opened, `${one.url}/hive/v1/a`)).toContain("two /v1/a");
  expect((await fetch(`${opened.llmUrl}/v1/worker/claim`)).status).toBe(404);
  for (const line of ["GET http://packages.example/ HTTP/1.1", "CONNECT packages.example:443 HTTP/1.1"]) {
    const socket = connect(Number(new URL(opened.llmUrl).port), "127.0.0.1");
    socket.write(`${line}\r\nhost: packages.example\r\nconnection: close\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  }
});

test("with one address there is no relay: agents reach the gateway there", async () => {
  const { url } = await replica("one");
  expect((await way({ dispatcherUrls: [url], sockets: [] })).llmUrl).toBe(url);
});
