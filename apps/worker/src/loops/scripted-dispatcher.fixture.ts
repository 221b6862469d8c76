/**
 * A dispatcher for tests: a real HTTP server on loopback that checks every request against the endpoint's own schemas
 * and keeps what it was sent. By default it behaves; a test scripts what goes wrong: an error, a lost answer, silence.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";
import { createHash, randomUUID } from "node:crypto";
import { HiveError } from "@hive/core";
import {
  DEFAULT_AGENT_SETTINGS,
  DEFAULT_STUCK_LIMITS,
  type Endpoint,
  type LeasedJob,
  type LeaseFacts,
  type LeaseGrant,
  PROBLEM_MEDIA_TYPE,
  problemOf,
  workerEndpoints,
} from "@hive/protocol";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { z } from "zod";

export type WorkerEndpointName = keyof typeof workerEndpoints;

/** One request as the dispatcher saw it. */
export interface Call {
  readonly name: WorkerEndpointName;
  readonly token: string | null;
  readonly params: Record<string, string>;
  readonly query: URLSearchParams;
  /** Parsed JSON, or the raw bytes. */
  readonly body: unknown;
  readonly bytes: Buffer;
}

/** What a call is answered with: a reply, or a thrown HiveError; "cut" after the work was done, "hang" for ever. */
type Fault = "cut" | "hang" | "refuse_connection";

export interface ScriptedDispatcher {
  readonly url: string;
  readonly calls: Call[];
  callsOf(name: WorkerEndpointName): Call[];
  /** Jobs handed out by claims, first to last. */
  offer(job: Partial<LeasedJob>, lease?: Partial<Pick<LeaseGrant, "purpose">>): Promise<LeaseGrant>;
  /** Overrides one endpoint; return undefined to go on as usual. */
  on(name: WorkerEndpointName, act: (call: Call) => unknown): void;
  /** The next calls of this endpoint meet these faults, one each. */
  fault(name: WorkerEndpointName, ...faults: Fault[]): void;
  /** Sends a message on every open signal stream. */
  signal(message: Record<string, unknown>): void;
  readonly streams: Set<ServerResponse>;
  /** Everything that came for one fence: log bytes, artifacts. */
  readonly log: Map<number, Buffer>;
  readonly artifacts: Map<string, Buffer>;
  readonly intervals: { claimWaitMs: number; heartbeatMs: number; leaseMs: number; logFlushMs: number };
  secrets: { git: { username: string; password: string } | null; githubApiUrl: string | null };
  /** What `GET /v1/worker/facts` answers. */
  facts: LeaseFacts;
  /** Leases that are over: every call of theirs is refused. */
  readonly stale: Set<number>;
  close(): Promise<void>;
}

const EMPTY_JOB: LeasedJob = {
  jobId: "job-1",
  generation: 1,
  attempt: 1,
  task: "script",
  repo: "https://git.example/none.git",
  branch: null,
  base: null,
  instructions: null,
  script: null,
  changes: null,
  inputs: [],
  agent: null,
  agentSettings: DEFAULT_AGENT_SETTINGS,
  gitUser: null,
  timeoutMs: 60_000,
  timeIsBudget: false,
  idleTimeoutMs: null,
  stuck: DEFAULT_STUCK_LIMITS,
  untrusted: false,
  approvePublish: false,
  bundle: null,
  announced: [],
  fillsCaches: false,
  pullRequest: { labels: [], reviewers: [], cost: false, draft: true },
  verify: null,
  candidate: null,
  chosen: null,
  previous: null,
  report: null,
  followUp: null,
  session: null,
  issue: null,
  url: "http://127.0.0.1/jobs/job-1",
};

/** Starts one on a free port. */
export async function startScriptedDispatcher(): Promise<ScriptedDispatcher> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  const leaseKey = { ...(await exportJWK(publicKey)) };
  const overrides = new Map<WorkerEndpointName, (call: Call) => unknown>();
  const faults = new Map<WorkerEndpointName, Fault[]>();
  const offers: LeaseGrant[] = [];
  const answered = new Map<string, unknown>();
  const waiting = new Set<() => void>();
  let fence = 0;

  const mint = (audience: string, jobId: string, number: number): Promise<string> =>
    new SignJWT({ fence: number, attempt: 1, election: "e1", wid: "w1", jti: randomUUID() })
      .setProtectedHeader({ alg: "EdDSA", typ: "hive-lease+jwt", kid: "test" })
      .setIssuer("hive")
      .setAudience(`hive:${audience}`)
      .setSubject(jobId)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey);

  const fences = new Map<string, number>();
  const fenceOf = (call: Call): number => {
    const known = call.token === null ? undefined : fences.get(call.token);
    if (known === undefined) throw new HiveError("unauthorized", "no such lease token");
    if (self.stale.has(known)) throw new HiveError("lease_lost", "the lease is over");
    return known;
  };

  async function claim(call: Call): Promise<unknown> {
    const { claimId } = call.body as { claimId: string };
    const known = answered.get(claimId);
    if (known !== undefined) return known;
    if (offers.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, self.intervals.claimWaitMs);
        waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    const lease = offers.shift() ?? null;
    const answer = { lease, drain: false };
    if (lease !== null) answered.set(claimId, answer);
    return answer;
  }

  function behave(call: Call): unknown {
    switch (call.name) {
      case "workerRegister":
        return {
          workerId: "w1",
          token: "worker-token",
          leaseKey,
          intervals: self.intervals,
          limits: { logChunkBytes: 65_536, logBytes: 10_000_000, artifactBytes: 10_000_000 },
        };
      case "workerClaim":
        return claim(call);
      case "workerGoodbye":
        return { ended: null };
      case "leaseHeartbeat":
        fenceOf(call);
        return { cancel: null, drain: false, leaseMs: self.intervals.leaseMs };
      case "leaseLogs": {
        const number = fenceOf(call);
        const log = self.log.get(number) ?? Buffer.alloc(0);
        const offset = Number(call.query.get("offset"));
        if (offset !== log.length) throw new HiveError("wrong_offset", "elsewhere", { expected: log.length });
        self.log.set(number, Buffer.concat([log, call.bytes]));
        return { committed: log.length + call.bytes.length };
      }
      case "leaseEvents": {
        fenceOf(call);
        const { from, events } = call.body as { from: number; events: unknown[] };
        return { accepted: from + events.length };
      }
      case "leaseSecrets":
        fenceOf(call);
        return self.secrets;
      case "leasePutArtifact": {
        const name = call.params["name"] ?? "";
        const sha256 = createHash("sha256").update(call.bytes).digest("hex");
        if (sha256 !== call.query.get("sha256")) throw new HiveError("artifact_mismatch", "the bytes differ");
        self.artifacts.set(`${fenceOf(call)}/${name}`, call.bytes);
        return { name, bytes: call.bytes.length, sha256 };
      }
      case "leaseFacts":
        fenceOf(call);
        return self.facts;
      case "leasePublish":
        fenceOf(call);
        return { announced: true };
      case "leaseFinish": {
        const number = fenceOf(call);
        const { log, outcome } = call.body as {
          log: { bytes: number; crc32: number } | null;
          outcome: { end: string };
        };
        const have = self.log.get(number) ?? Buffer.alloc(0);
        if (log !== null && (log.bytes !== have.length || log.crc32 !== crc32(have))) {
          throw new HiveError("log_incomplete", `has ${have.length} of ${log.bytes} bytes`);
        }
        return {
          status: outcome.end === "succeeded" ? "succeeded" : outcome.end === "canceled" ? "canceled" : "failed",
        };
      }
      default:
        throw new HiveError("not_found", call.name);
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://x");
    const found = match(request.method ?? "", url.pathname);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    try {
      if (found === null) throw new HiveError("not_found", url.pathname);
      const endpoint: Endpoint = workerEndpoints[found.name];
      const body =
        endpoint.body === "bytes" || endpoint.body === undefined
          ? bytes
          : endpoint.body.parse(JSON.parse(bytes.toString()));
      const token = request.headers.authorization?.replace(/^Bearer /, "") ?? null;
      const call: Call = { name: found.name, token, params: found.params, query: url.searchParams, body, bytes };
      self.calls.push(call);
      const fault = faults.get(found.name)?.shift();
      if (fault === "refuse_connection") return void request.socket.destroy();
      const scripted = await overrides.get(found.name)?.(call);
      if (found.name === "workerSignals" && scripted === undefined) {
        response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n");
        self.streams.add(response);
        response.once("close", () => self.streams.delete(response));
        return;
      }
      if (found.name === "leaseGetArtifact" && scripted === undefined) {
        fenceOf(call);
        const kept = self.artifacts.get(`${found.params["fence"]}/${found.params["name"]}`);
        if (kept === undefined) throw new HiveError("not_found", "no such artifact");
        return void response.writeHead(200, { "content-type": "application/octet-stream" }).end(kept);
      }
      const reply = (endpoint.reply.body as z.ZodType).parse(scripted ?? (await behave(call)));
      if (fault === "cut") return void request.socket.destroy();
      if (fault === "hang") return;
      response.writeHead(endpoint.reply.status, { "content-type": "application/json" }).end(JSON.stringify(reply));
    } catch (error) {
      const known =
        error instanceof HiveError
          ? error
          : new HiveError("invalid_field", error instanceof Error ? error.message : "?");
      const problem = problemOf(known);
      response.writeHead(problem.status, { "content-type": PROBLEM_MEDIA_TYPE }).end(JSON.stringify(problem));
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const self: ScriptedDispatcher = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    callsOf: (name) => self.calls.filter((call) => call.name === name),
    async offer(job, lease = {}) {
      fence += 1;
      const full = { ...EMPTY_JOB, ...job };
      const [token, llmToken, egressToken] = await Promise.all(
        ["worker", "llm", "egress"].map((audience) => mint(audience, full.jobId, fence)),
      );
      if (!token || !llmToken || !egressToken) throw new Error("no token");
      fences.set(token, fence);
      const grant: LeaseGrant = {
        fence,
        purpose: lease.purpose ?? "work",
        token,
        llmToken,
        egressToken,
        firstBeatMs: 10_000,
        job: full,
      };
      offers.push(grant);
      for (const wake of waiting) wake();
      waiting.clear();
      return grant;
    },
    on: (name, act) => void overrides.set(name, act),
    fault: (name, ...list) => void faults.set(name, [...(faults.get(name) ?? []), ...list]),
    signal(message) {
      for (const stream of self.streams)
        stream.write(`event: ${String(message["signal"])}\ndata: ${JSON.stringify(message)}\n\n`);
    },
    streams: new Set(),
    log: new Map(),
    artifacts: new Map(),
    intervals: { claimWaitMs: 2_000, heartbeatMs: 1_000, leaseMs: 30_000, logFlushMs: 5 },
    secrets: { git: null, githubApiUrl: null },
    facts: { usage: null, blocked: [] },
    stale: new Set(),
    async close() {
      for (const wake of waiting) wake();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return self;
}

function match(method: string, path: string): { name: WorkerEndpointName; params: Record<string, string> } | null {
  for (const [name, endpoint] of Object.entries(workerEndpoints)) {
    const pattern = new RegExp(`^${endpoint.path.replace(/:([A-Za-z]+)/g, "(?<$1>[^/]+)")}$`);
    const found = pattern.exec(path);
    if (found !== null && endpoint.method === method)
      return { name: name as WorkerEndpointName, params: { ...found.groups } };
  }
  return null;
}

/** Polls until `look` gives something; fails with `what` after 20 s. */
export async function until<T>(what: string, look: () => T | undefined | false | null): Promise<T> {
  const end = performance.now() + 20_000;
  for (;;) {
    const seen = look();
    if (seen !== undefined && seen !== false && seen !== null) return seen;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
