/** A whole server for tests: the real queue over a store in memory, real logs in a folder, real tokens, on a free port of loopback. */

import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_RULES, type Rules } from "@hive/core";
import {
  createClient,
  DEFAULT_PULL_REQUEST,
  DEFAULT_STUCK_LIMITS,
  registrationMac,
  type ApiClient,
} from "@hive/protocol";
import pino from "pino";
import { createLeaseAccess } from "../auth/lease-access.ts";
import { createLeaseTokens } from "../auth/lease-tokens.ts";
import { createRegistrar } from "../auth/registration.ts";
import { newSigningKey, readSigningKey } from "../auth/signing-key.ts";
import { createSessions } from "../auth/sessions.ts";
import { createWorkerTokens } from "../auth/worker-tokens.ts";
import { agentPolicy } from "../agents/agent-policy.fixture.ts";
import { createBackups } from "../backup/backups.ts";
import { createBudgetPolicy } from "../budgets/budget-policy.ts";
import { systemClock } from "../clock.ts";
import { createGuard } from "../guard/guard.ts";
import { openFileLogs } from "../logs/files/file-logs.ts";
import { createNotifier } from "../notify/notifier.ts";
import { createPriceBook } from "../prices/price-book.ts";
import { Committer } from "../queue/committer.ts";
import type { JobPolicy } from "../queue/compile-job.ts";
import { createWaiters } from "../queue/waiters.ts";
import { createSchedules } from "../schedules/schedules.ts";
import { openSources } from "../sources/open-sources.ts";
import { sourcesSchema } from "../sources/source-settings.ts";
import { generateSealingKey, open, parseKeyRing, seal } from "../secrets/sealing.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore, type MemoryFaults } from "../store/memory/memory-store.ts";
import { createMetrics } from "./metrics.ts";
import type { Parts } from "./parts.ts";
import { createServer, type HiveServer } from "./server.ts";
import { openWebUi } from "./web-ui.ts";
import { createWorkerPresence } from "./worker-presence.ts";

export const OWNER = "owner-token-for-tests-0123456789";
export const GATEWAY = "gateway-token-for-tests-0123456789";
export const SECRET = "callback-secret-for-tests-0123456789";

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly parts: Parts;
  readonly queue: Committer;
  readonly server: HiveServer;
  /** What the server logged, one line of JSON each. */
  readonly logged: string[];
  /** As the owner. */
  readonly client: ApiClient;
  /** A raw request with the owner's token unless another is given. */
  send(method: string, path: string, options?: SendOptions): Promise<Response>;
  /** Registers a worker and gives its token. `more` is what else it says. */
  worker(name?: string, agents?: readonly string[], more?: object): Promise<string>;
  close(): Promise<void>;
}

export interface SendOptions {
  /** Null: no token. */
  readonly token?: string | null;
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface TestServerOptions {
  readonly rules?: Partial<Rules>;
  readonly faults?: MemoryFaults;
  readonly change?: (parts: Parts) => Parts;
  /** As `sources` of hive.yaml; their intake process is started. Default: none. */
  readonly sources?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Starts one. Close it in `afterEach` or `afterAll`. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const clock = systemClock;
  const metrics = createMetrics();
  const logged: string[] = [];
  const content = new MemoryContent();
  const rules: Rules = { ...DEFAULT_RULES, ...options.rules };
  const queue = new Committer({
    openStore: () => new MemoryStore({ content, ...(options.faults === undefined ? {} : { faults: options.faults }) }),
    rules,
    clock,
    onTrouble: () => {},
    onCommit: metrics.commit,
  });
  await queue.start();
  const folder = await mkdtemp(join(tmpdir(), "hive-http-"));
  const { logs, artifacts } = openFileLogs({ folder });
  const signing = readSigningKey(newSigningKey());
  const leaseTokens = createLeaseTokens(signing);
  const ring = parseKeyRing(generateSealingKey());
  const guard = createGuard({ allowPrivate: [] });
  const budgets = createBudgetPolicy({ job: {}, day: {} }, []);
  const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  const policy: JobPolicy = {
    repoRules: { allowFile: false, allowPlainHttp: () => false },
    refuseCallback: (url) => {
      const checked = guard.checkUrl(url, { what: "callback" });
      return checked.ok ? null : checked.message;
    },
    agents: agentPolicy(),
    holdRealAgents: false,
    approvalFor: () => "none",
    verifyRoundsFor: () => 2,
    budgetFor: (repo, own) => budgets.jobLimits(`${repo.host}/${repo.path}`, own),
    limitedAsOne: () => false,
    refuseAddress: async () => null,
    callbackByDefault: false,
    seal: (jobId, name, text) => seal(ring, { jobId, field: name }, text),
    hashKey: signing.derive("body-hash"),
  };
  const parts: Parts = {
    queue,
    clock,
    log,
    version: "0.0.0-test",
    publicUrl: "http://hive.test",
    ownerTokens: [OWNER],
    sessions: createSessions({
      tokens: [OWNER],
      secret: signing.derive("browser-sessions"),
      isSecure: false,
      clock,
    }),
    webUi: await openWebUi(join(folder, "no pages")),
    serverToken: GATEWAY,
    egress: ["registries"],
    tokenHint: "source hive-data/secrets.env",
    leaseTokens,
    leases: createLeaseAccess(leaseTokens, queue, clock),
    workerTokens: createWorkerTokens(signing.derive("worker-token")),
    registrar: createRegistrar(SECRET, clock),
    presence: createWorkerPresence(queue, clock),
    waiters: createWaiters(queue, clock),
    policy,
    schedules: createSchedules({ queue, clock, policy }),
    sources: openSources({
      ...{
        sources: sourcesSchema.parse(options.sources ?? {}),
        allowPrivate: [],
        queue,
        clock,
        log,
        policy,
        budgets,
        ring,
      },
      // Every secret of a source is its own name.
      variable: (name) => (name === "NODE_EXTRA_CA_CERTS" ? undefined : name),
    }),
    budgets,
    prices: createPriceBook({}, clock.wall),
    roomMs: 0,
    logs,
    artifacts,
    caches: null,
    storeWarnings: () => [],
    backups: createBackups({
      ...{ queue, logs, artifacts, clock },
      version: "0.0.0-test",
      secretsId: "secrets of the test",
      onTrouble: () => {},
    }),
    pools: () => [],
    notifier: createNotifier({
      ...{ queue, clock, channels: [], publicUrl: "http://hive.test", pools: () => [], sources: () => [] },
      onTrouble: () => {},
    }),
    mirrors: {
      handOut: async () => ({ ok: false, code: "network", message: "no mirrors in this test" }),
      stop: async () => {},
    },
    credentials: { find: async () => null },
    openSecret: (jobId, name, sealed) => open(ring, { jobId, field: name }, sealed),
    pullRequestFor: () => DEFAULT_PULL_REQUEST,
    githubApiFor: (host) => (host === "github.com" ? "https://api.github.com" : null),
    stuck: { silentSeconds: 900, ...DEFAULT_STUCK_LIMITS },
    intervals: { claimWaitMs: 20_000, heartbeatMs: 5_000, leaseMs: rules.leaseMs, logFlushMs: 100 },
    firstBeatMs: rules.firstBeatMs,
    limits: { logChunkBytes: 262_144, logBytes: 1_048_576, artifactBytes: 1_048_576 },
    metrics,
  };
  const full = options.change?.(parts) ?? parts;
  const server = createServer(full);
  const port = await server.listen(0, "127.0.0.1");
  full.sources.start();
  const url = `http://127.0.0.1:${port}`;
  const client = createClient({ baseUrl: url, token: OWNER });
  let registrations = 0;

  return {
    url,
    port,
    parts: full,
    queue,
    server,
    logged,
    client,
    async send(method, path, { token = OWNER, json, body, headers = {}, signal } = {}) {
      return fetch(url + path, {
        method,
        redirect: "manual",
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(json === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(json === undefined && body === undefined
          ? {}
          : { body: json === undefined ? (body as string) : JSON.stringify(json) }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
    async worker(name = "bee-1", agents = [], more = {}) {
      registrations += 1;
      const registrationId = `registration-${registrations}`;
      const at = Date.now();
      const nonce = `nonce-of-registration-${registrations}`;
      const mac = await registrationMac(SECRET, { registrationId, name, at, nonce });
      const body = {
        registrationId,
        protocol: 1,
        name,
        version: "1",
        roles: [],
        labels: [],
        provider: "process",
        isolation: "none",
        agents: [...agents],
        proof: { kind: "secret", at, nonce, mac },
        ...more,
      };
      const response = await fetch(`${url}/v1/worker/register`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const reply = (await response.json()) as { readonly token: string };
      if (response.status !== 201)
        throw new Error(`registration answered ${response.status}: ${JSON.stringify(reply)}`);
      return reply.token;
    },
    async close() {
      await full.sources.stop();
      await server.close();
      await queue.stop();
      await logs.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A connection that speaks whatever a test wants. */
export function rawConnection(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Everything a socket says until it is closed. */
export function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => (text += chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}
