// Dispatchers that speak TLS with each other, behind terminators with certificates of a private authority: NODE_EXTRA_CA_CERTS
// tells them of it, and one that was not told says so instead of leaving everybody to wait.
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CERTIFICATE, KEY } from "../../apps/dispatcher/src/guard/certificate.fixture.ts";
import { type RedisServer, startRedis } from "../peers/redis/redis-server.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";

let folder: string;
let authority: string;
let redis: RedisServer;
const terminators: Terminator[] = [];
let queen: HiveProcess;
let standby: HiveProcess;
let untold: HiveProcess;

/** What stands before a dispatcher and speaks TLS for it. */
interface Terminator {
  readonly server: Server;
  readonly url: string;
  /** Port of the dispatcher behind it. */
  to: number;
  /** Connections whose handshake went through. */
  connections: number;
}

async function startTerminator(): Promise<Terminator> {
  const server = createServer({ cert: CERTIFICATE, key: KEY }, (secure) => {
    one.connections += 1;
    const plain = connect(one.to, "127.0.0.1");
    for (const [from, into] of [
      [secure, plain],
      [plain, secure],
    ] as const) {
      from.pipe(into);
      from.on("error", () => into.destroy());
      from.on("close", () => into.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const one: Terminator = {
    server,
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    to: 0,
    connections: 0,
  };
  terminators.push(one);
  return one;
}

/** A dispatcher behind a terminator of its own. */
async function startBehind(env: Readonly<Record<string, string>>): Promise<HiveProcess> {
  const terminator = await startTerminator();
  const more = { HIVE_STORE: redis.url, HIVE_WORKERS: "0", HIVE_ADVERTISE_URL: terminator.url, ...env };
  const hive = await startHive({ env: more });
  terminator.to = hive.port;
  return hive;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hive-authority-"));
  authority = join(folder, "authority.pem");
  writeFileSync(authority, CERTIFICATE);
  redis = await startRedis();
  queen = await startBehind({ NODE_EXTRA_CA_CERTS: authority });
  const secrets = readFileSync(join(queen.data, "secrets.env"), "utf8").matchAll(/^export (\w+)=(.*)$/gm);
  const same = Object.fromEntries([...secrets].map(([, name = "", value = ""]) => [name, value]));
  standby = await startBehind({ ...same, NODE_EXTRA_CA_CERTS: authority });
  untold = await startBehind(same);
});

afterAll(async () => {
  for (const hive of [untold, standby, queen]) await hive?.dispose();
  for (const { server } of terminators) server.close();
  await redis?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const job = (jobId: string) =>
  ({ jobId, repo: "https://git.example/app.git", task: "script", script: "true" }) as const;

test("a standby that was told of the authority hands requests on through TLS", async () => {
  const before = terminators[0]?.connections ?? 0;
  const { jobId } = await standby.hive.enqueue(job("by-tls"));
  expect((await queen.hive.get(jobId)).status).toBe("queued");
  expect(terminators[0]?.connections).toBeGreaterThan(before);
});

test("one that was not told has certainly done nothing, and says which setting is missing", async () => {
  const before = terminators[0]?.connections ?? 0;
  const reply = await untold.fetch("/enqueue", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(job("by-nobody")),
  });
  expect(reply.status).toBe(503);
  const { code, detail } = (await reply.json()) as { readonly code: string; readonly detail: string };
  expect(code).toBe("not_ready");
  expect(detail).toContain("NODE_EXTRA_CA_CERTS");
  expect(untold.printed()).toContain("NODE_EXTRA_CA_CERTS");
  expect(terminators[0]?.connections).toBe(before);
  expect((await queen.fetch("/v1/jobs/by-nobody")).status).toBe(404);
});
