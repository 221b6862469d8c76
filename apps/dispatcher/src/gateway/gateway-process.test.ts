/** The gateway as a program of its own, with a dispatcher and a provider on either side. */
import { readFile } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { JSON_ANSWER, METERED, streamEvents } from "./anthropic.fixture.ts";
import { bytesOf, listen } from "./gateway.fixture.ts";
import { startGatewayProcess, type GatewayProcess } from "./gateway-process.ts";
import type { GivenGatewaySettings } from "./gateway-settings.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

const KEY = "sk-ant-only-for-the-gateway";

interface Peers {
  readonly settings: GivenGatewaySettings;
  readonly counted: unknown[];
  readonly usageCame: Promise<void>;
}

/** A dispatcher that knows one token, and a provider that streams for `{"stream":true}`, without ever ending that. */
async function startPeers(): Promise<Peers> {
  const counted: unknown[] = [];
  const came = Promise.withResolvers<void>();
  const dispatcher = await listen((request, response) => {
    void bytesOf(request).then((bytes) => {
      response.setHeader("content-type", "application/json");
      if (request.url === "/v1/gateway/usage") {
        counted.push(JSON.parse(bytes.toString()));
        response.end('{"counted":true}');
        came.resolve();
      } else {
        response.end('{"jobId":"demo-1","fence":7,"workerId":"w1"}');
      }
    });
  });
  const provider = await listen((request, response) => {
    void bytesOf(request).then((bytes) => {
      expect(request.headers["x-api-key"]).toBe(KEY);
      if (bytes.includes("stream")) {
        response.writeHead(200, { "content-type": "text/event-stream" }).write(streamEvents().slice(0, 4).join(""));
      } else {
        response.writeHead(200, { "content-type": "application/json" }).end(JSON_ANSWER);
      }
    });
  });
  cleanups.push(() => {
    for (const { server } of [dispatcher, provider]) {
      server.closeAllConnections();
      server.close();
    }
  });
  return {
    counted,
    usageCame: came.promise,
    settings: {
      dispatcherUrl: `http://127.0.0.1:${dispatcher.port}`,
      gatewayToken: "the-gateway's-own-token",
      listen: { host: "127.0.0.1", port: 0 },
      providers: {
        anthropic: { baseUrl: `http://127.0.0.1:${provider.port}`, keys: [{ label: "ANTHROPIC_API_KEY", value: KEY }] },
      },
    },
  };
}

async function startProcess(settings: GivenGatewaySettings): Promise<{ gateway: GatewayProcess; lines: string[] }> {
  const lines: string[] = [];
  const gateway = await startGatewayProcess({ settings, onLine: (line) => lines.push(line) });
  cleanups.push(() => gateway.stop());
  return { gateway, lines };
}

function post(gateway: GatewayProcess, body: string): Promise<Response> {
  const url = `http://127.0.0.1:${String(gateway.ready.listening)}/llm/anthropic/v1/messages`;
  return fetch(url, { method: "POST", headers: { "x-api-key": "lease-token" }, body });
}

test("a call through the process is answered and counted, and its log holds no secret", async () => {
  const peers = await startPeers();
  const { gateway, lines } = await startProcess(peers.settings);
  const answer = await post(gateway, '{"model":"m","prompt":"PRIVATE"}');
  expect(await answer.text()).toBe(JSON_ANSWER);
  await peers.usageCame;
  expect(peers.counted).toMatchObject([{ jobId: "demo-1", fence: 7, outputTokens: METERED.outputTokens }]);
  await gateway.stop();
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  expect(lines.join("\n")).toContain('"jobId":"demo-1"');
  for (const secret of [KEY, "PRIVATE", "lease-token", "own-token"]) {
    expect(lines.join("\n")).not.toContain(secret);
  }
});

test("stopping in the middle of an answer still tells its usage", async () => {
  const peers = await startPeers();
  const { gateway } = await startProcess(peers.settings);
  const answer = await post(gateway, '{"model":"m","stream":true}');
  const reader = answer.body?.getReader();
  await reader?.read();
  await gateway.stop();
  expect(peers.counted).toMatchObject([{ jobId: "demo-1", inputTokens: METERED.inputTokens }]);
  await expect(
    (async () => {
      while (!(await reader?.read())?.done);
    })(),
  ).rejects.toThrow();
});

test("settings it cannot use are named and not shown", async () => {
  const { settings } = await startPeers();
  const broken = { ...settings, providers: { openai: { baseUrl: "ftp://secret", keys: [] } }, gatewayToken: "short" };
  const lines: string[] = [];
  const start = startGatewayProcess({ settings: broken, onLine: (line) => lines.push(line) });
  await expect(start).rejects.toThrow(/did not start: .*gatewayToken: too_small; providers.openai.baseUrl: invalid/);
  expect(lines.join("\n")).not.toContain("ftp://secret");
});

test("an address in use ends the process with a message", async () => {
  const { settings } = await startPeers();
  const taken = await listen(() => undefined);
  cleanups.push(() => taken.server.close());
  const listenTo = { host: "127.0.0.1", port: taken.port };
  const start = startGatewayProcess({ settings: { ...settings, listen: listenTo }, onLine: () => undefined });
  await expect(start).rejects.toThrow(/did not start: .*EADDRINUSE/);
});

test.runIf(process.platform === "linux")("neither its arguments nor its environment hold the key", async () => {
  const { settings } = await startPeers();
  const children = async () => {
    const text = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
    return text
      .trim()
      .split(" ")
      .filter((pid) => pid !== "");
  };
  const before = await children();
  await startProcess(settings);
  const [pid = ""] = (await children()).filter((child) => !before.includes(child));
  const [argv, env] = await Promise.all([readFile(`/proc/${pid}/cmdline`), readFile(`/proc/${pid}/environ`)]);
  expect(argv.includes("main.ts")).toBe(true);
  expect(argv.includes(KEY)).toBe(false);
  expect(env.toString()).toBe("");
});
