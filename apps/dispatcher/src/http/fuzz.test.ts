import { endpoints, type Endpoint } from "@hive/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { errorCodesOf } from "./openapi.ts";
import { createNotifier } from "../notify/notifier.ts";
import { notifySchema } from "../notify/notify-settings.ts";
import {
  KNOWN_CHANNEL,
  KNOWN_DELIVERY,
  KNOWN_JOB,
  KNOWN_SCHEDULE,
  KNOWN_SOURCE,
  KNOWN_TITLE,
  mutated,
  valid,
} from "./schema-arbitrary.fixture.ts";
import { GATEWAY, OWNER, startServer, type TestServer } from "./server.fixture.ts";

/** Requests for each endpoint, half of them valid and half one mutation off. */
const RUNS = 80;
/** No answer in this time is a hang. Claims wait 20 ms in this server. */
const HANG_MS = 15_000;

let world: TestServer;
beforeAll(async () => {
  world = await startServer({
    change: (parts) => ({
      ...parts,
      intervals: { ...parts.intervals, claimWaitMs: 20 },
      notifier: createNotifier({
        ...{ queue: parts.queue, clock: parts.clock, publicUrl: parts.publicUrl, pools: () => [], sources: () => [] },
        channels: notifySchema
          .parse({ [KNOWN_CHANNEL]: { type: "slack", url: { env: "X" } } })
          .map((settings) => ({ settings, sender: { type: "slack", send: async () => ({ ok: true, said: "200" }) } })),
        onTrouble: () => {},
      }),
    }),
    sources: {
      [KNOWN_SOURCE]: {
        ...{ type: "generic", auth: "none", title: "title", deliveryId: "x-delivery" },
        job: { repo: "https://github.com/acme/app", labels: ["nobody-has-this"] },
      },
    },
  });
  const known = {
    jobId: KNOWN_JOB,
    repo: "https://github.com/acme/app",
    // Of an agent, so that it can be talked to.
    task: "agent",
    agent: "demo",
    instructions: "Nothing.",
    labels: ["nobody-has-this"],
    callbackUrl: "https://example.com/",
  };
  expect((await world.send("POST", "/enqueue", { json: known })).status).toBe(202);
  const schedule = { cron: "@monthly", job: { repo: "https://github.com/acme/app", task: "test" } };
  expect((await world.send("PUT", `/v1/schedules/${KNOWN_SCHEDULE}`, { json: schedule })).status).toBe(200);
  const delivery = { headers: { "x-delivery": KNOWN_DELIVERY }, json: { title: KNOWN_TITLE } };
  expect((await world.send("POST", `/hooks/${KNOWN_SOURCE}`, delivery)).status).toBe(202);
  await vi.waitUntil(async () => {
    const groups = await world.send("GET", `/v1/sources/${KNOWN_SOURCE}/groups`);
    return (await groups.text()).includes(KNOWN_TITLE);
  }, 30_000);
});
afterAll(() => world.close());

let names = 0;

/** A token of the kind an endpoint asks for; leases are made anew, since requests end them. */
async function tokenFor(access: Endpoint["access"]): Promise<string | null> {
  switch (access) {
    case "open":
    case "registration":
      return null;
    case "hook":
      return null;
    case "owner":
      return OWNER;
    case "server":
      return GATEWAY;
    case "worker":
      return world.worker("fuzz-worker");
    case "lease": {
      const worker = await world.worker(`fuzz-${(names += 1)}`);
      await world.send("POST", "/enqueue", {
        json: { repo: "https://github.com/acme/app", task: "script", script: "true", priority: 0 },
      });
      const claimed = await world.send("POST", "/v1/worker/claim", {
        token: worker,
        json: { claimId: `claim-${names}-xxxx`, waitMs: 20 },
      });
      const { lease } = (await claimed.json()) as { readonly lease: { readonly token: string } | null };
      if (lease === null) throw new Error("there was no job to lease");
      await world.send("POST", "/v1/worker/heartbeat", { token: lease.token, json: {} });
      return lease.token;
    }
  }
}

interface Request {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** Requests of an endpoint: all parts valid, or one of them changed. */
function requestsOf(endpoint: Endpoint): fc.Arbitrary<Request> {
  const { params, query, body } = endpoint;
  const part = (schema: typeof params, change: boolean): fc.Arbitrary<unknown> =>
    schema === undefined ? fc.constant(undefined) : change ? mutated(schema) : valid(schema);
  const bytes = fc.oneof(fc.string({ maxLength: 200 }), fc.constant(undefined));
  const all = (change: "params" | "query" | "body" | null): fc.Arbitrary<Request> =>
    fc.record({
      params: part(params, change === "params"),
      query: part(query, change === "query"),
      body:
        body === "bytes"
          ? bytes
          : body === undefined
            ? fc.constant(undefined)
            : change === "body"
              ? mutated(body)
              : valid(body),
    });
  const parts = (["params", "query", "body"] as const).filter(
    (name) => endpoint[name] !== undefined && endpoint[name] !== "bytes",
  );
  return fc.oneof(all(null), ...parts.map(all));
}

function addressOf(endpoint: Endpoint, { params, query }: Request): string {
  const given = (typeof params === "object" && params !== null ? params : {}) as Record<string, unknown>;
  const path = endpoint.path.replace(/:([A-Za-z]+)/g, (_, name: string) =>
    encode(name in given ? given[name] : "nobody"),
  );
  const search = Object.entries((typeof query === "object" && query !== null ? query : {}) as Record<string, unknown>);
  return search.length === 0
    ? path
    : `${path}?${search.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&")}`;
}

function encode(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  // A lone surrogate cannot be sent at all; its replacement can.
  return encodeURIComponent(text.toWellFormed()) || "%20";
}

/** How often each endpoint answered with each status. */
const seen = new Map<string, number>();

describe("no request of any endpoint breaks the server or hangs", () => {
  it.each(Object.entries(endpoints) as [string, Endpoint][])(
    "%s",
    async (name, endpoint) => {
      const allowed = new Set<string>([...errorCodesOf(endpoint), "not_found"]);
      await fc.assert(
        fc.asyncProperty(requestsOf(endpoint), async (request) => {
          const token = await tokenFor(endpoint.access);
          const bytes = endpoint.body === "bytes";
          const stop = new AbortController();
          const hang = setTimeout(() => stop.abort(new Error("no answer")), HANG_MS);
          try {
            const response = await world.send(endpoint.method, addressOf(endpoint, request), {
              token,
              ...(bytes ? { body: (request.body as string | undefined) ?? "" } : { json: request.body }),
              ...(bytes ? { headers: { "content-type": "application/octet-stream" } } : {}),
              signal: stop.signal,
            });
            const answered = `${name} ${response.ok ? "ok" : response.status}`;
            seen.set(answered, (seen.get(answered) ?? 0) + 1);
            expect(response.status).toBeLessThan(500);
            if (response.status < 400) {
              // Streams stay open by design: that they began is the answer.
              const stays =
                endpoint.reply.body === "events" ||
                (request.query as { follow?: unknown } | undefined)?.follow !== undefined;
              if (stays) await response.body?.cancel();
              else await response.arrayBuffer();
              return;
            }
            const problem = (await response.json()) as { readonly code: string; readonly detail: string };
            expect([problem.code, allowed.has(problem.code)]).toEqual([problem.code, true]);
            expect(problem.detail).not.toMatch(/\bat .*\.ts:|node:internal|TypeError/);
          } finally {
            clearTimeout(hang);
          }
        }),
        { numRuns: RUNS, seed: 20_261_123, endOnFailure: true },
      );
    },
    120_000,
  );

  it("and the requests were such that the endpoints also did their work", () => {
    // These need a proof, a token, an id or a job with candidates that no schema can make.
    const cannot = [
      "jobCandidates",
      "chooseCandidate",
      "approveJob",
      "rejectJob",
      "jobCandidates",
      "chooseCandidate",
      "gatewayUsage",
      "workerRegister",
      "gatewayVerify",
      "gatewayAdmit",
      "gatewayQuota",
      "egressOpen",
      "egressBlocked",
      "redeliverCallback",
      "jobDiff",
      "jobArtifact",
      "leaseGetArtifact",
      "leaseGetCache",
      "leasePutCache",
      "drainWorker",
      "releaseGroup",
      "openSession",
    ];
    const never = Object.keys(endpoints).filter((name) => !seen.has(`${name} ok`) && !cannot.includes(name));
    expect(never).toEqual([]);
  });

  it("and it still works afterwards, with nothing broken in its log", async () => {
    expect((await world.send("GET", "/health")).status).toBe(200);
    expect(world.logged.filter((line) => line.includes("a request failed"))).toEqual([]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});
