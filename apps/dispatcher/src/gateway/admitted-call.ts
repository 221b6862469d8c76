/**
 * A request that is whole and comes from a lease that lives: read, admitted against the job's budgets, made, and settled.
 * Whatever was set aside for a call is settled by exactly one usage, also when the call was never made.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ErrorCode } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { ReadRequest } from "./call-request.ts";
import type { CallUsage, GatewayLimits, GatewayOptions, QuotaNotice } from "./contract.ts";
import { answerProblem } from "./gateway-problem.ts";
import { objectOf, parseJson } from "./json.ts";
import type { KnownTokens } from "./known-tokens.ts";
import type { LiveCalls, TokenVerdict } from "./live-calls.ts";
import { callProvider, NOT_MADE } from "./provider-call.ts";
import type { Provider, RouteMatch } from "./providers/provider.ts";
import type { Ready } from "./upstreams.ts";

export interface WholeRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly provider: Provider;
  readonly found: Extract<RouteMatch, { kind: "found" }>;
  readonly token: string;
  readonly lease: { readonly jobId: string; readonly fence: number };
  /** Null: it has no body. */
  readonly bytes: Buffer | null;
}

export interface CallServer extends Pick<GatewayOptions, "admit" | "onUsage" | "onQuota" | "log" | "logPrompts"> {
  readonly upstreams: ReadonlyMap<string, Ready>;
  readonly live: LiveCalls;
  readonly tokens: KnownTokens;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
}

type Asked = Extract<ReadRequest, { ok: true }>;

/** Characters of an answer that `logPrompts` shows. */
const MOST_LOGGED = 1024 * 1024;

/** Answers the request. */
export async function serveCall(server: CallServer, whole: WholeRequest): Promise<void> {
  const { admit, live, limits } = server;
  const { response, provider, found, token, lease } = whole;
  const { route } = found;
  const refuse = (code: ErrorCode, message: string) => answerProblem(response, route.dialect, code, message);
  const upstream = server.upstreams.get(provider.name);
  if (upstream === undefined) {
    const message = `This server has no key for ${provider.title}. Set ${provider.setting} on the dispatcher`;
    return refuse("no_provider_key", message);
  }
  const asked = read(whole);
  if (asked !== null && !asked.ok) {
    return refuse("bad_request", asked.message);
  }
  if (live.countOf(lease) >= limits.maxCallsPerLease) {
    return refuse("too_many_requests", `A lease may have ${limits.maxCallsPerLease} calls at once`);
  }
  if (response.destroyed) {
    return;
  }
  const { jobId, fence } = lease;
  const model = asked?.model ?? found.model;
  const facts = { callId: randomUUID(), jobId, fence, provider: provider.name, operation: route.operation };
  const call = live.begin({ jobId, fence, token });
  try {
    const { verdict, unsure } = await askTwice(() =>
      admit({
        token,
        callId: facts.callId,
        provider: provider.name,
        model,
        worst: asked?.worst ?? { inputTokens: 0, outputTokens: 0, webSearches: 0 },
        free: !route.paid,
      }),
    );
    const usage = { ...facts, paid: route.paid, requestBytes: asked?.body.byteLength ?? whole.bytes?.byteLength ?? 0 };
    if (unsure && verdict?.ok !== true) {
      // Nobody heard the first answer: something may be set aside for a call that is not made.
      await tell(server, { ...NOT_MADE, ...usage, model });
    }
    if (verdict === null) {
      return refuse("not_ready", "The LLM gateway cannot check the job's budget right now");
    }
    if (!verdict.ok) {
      server.tokens.forget(token);
      return refuse(verdict.code, verdict.message);
    }
    const outcome = await make(server, whole, upstream, { ...facts, model, signal: call.signal, asked });
    await tell(server, { ...outcome, ...usage, model: outcome.model ?? model });
  } finally {
    call.end();
  }
}

/** What a paid request asks for; null for one that costs nothing. */
function read({ bytes, found }: WholeRequest): ReadRequest | null {
  if (bytes === null || !found.route.paid) {
    return null;
  }
  const fields = parseJson(bytes.toString("utf8"));
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    return { ok: false, message: "The request's body is not a JSON object" };
  }
  return found.route.dialect.read(objectOf(fields), bytes, found.model);
}

interface Facts {
  readonly callId: string;
  readonly jobId: string;
  readonly fence: number;
  readonly model: string | null;
  readonly asked: Asked | null;
  /** Aborts when the lease is over. */
  readonly signal: AbortSignal;
}

async function make(server: CallServer, whole: WholeRequest, upstream: Ready, facts: Facts) {
  const { log, logPrompts = false } = server;
  const { request, response, provider, found } = whole;
  const { callId, jobId, fence, model, asked } = facts;
  const body = asked?.body ?? whole.bytes;
  const said: Buffer[] = [];
  if (logPrompts) {
    log.info({ callId, jobId, request: body?.toString("utf8") ?? "" }, "model call asks");
  }
  const gone = new AbortController();
  const leave = () => gone.abort("The client is gone");
  response.once("close", leave);
  if (response.destroyed) {
    // It went while the call was asked for.
    leave();
  }
  const outcome = await callProvider({
    provider,
    route: found.route,
    url: new URL(upstream.base.pathname.replace(/\/+$/, "") + found.target, upstream.base),
    method: request.method ?? "GET",
    headers: request.headers,
    body,
    model,
    ring: upstream.ring,
    agent: upstream.agent,
    response,
    limits: server.limits,
    clock: server.clock,
    signal: AbortSignal.any([facts.signal, gone.signal]),
    onWait: (why, ms) => log.info({ callId, jobId, ms }, `model call waits: ${why}`),
    onQuota: (until, message) => tellQuota(server, { jobId, fence, provider: provider.name, until, message }),
    see: logPrompts ? (chunk) => void said.push(Buffer.from(chunk)) : null,
  });
  response.off("close", leave);
  if (logPrompts) {
    const answer = Buffer.concat(said).toString("utf8").slice(0, MOST_LOGGED);
    log.info({ callId, jobId, answer }, "model call answers");
  }
  return outcome;
}

/** What is known of a call after asking. */
interface Asking {
  /** Null: nobody knows. */
  readonly verdict: TokenVerdict | null;
  /** True when a question was not answered: what it asked for may have been done. */
  readonly unsure: boolean;
}

/** Asks once more where nobody answered: it is the same call, so it is set aside for once. */
async function askTwice(ask: () => Promise<TokenVerdict>): Promise<Asking> {
  try {
    return { verdict: await ask(), unsure: false };
  } catch {
    return { verdict: await ask().catch(() => null), unsure: true };
  }
}

async function tellQuota({ log, onQuota }: CallServer, notice: QuotaNotice): Promise<void> {
  log.warn({ ...notice }, "a job is parked: its provider takes no more calls");
  try {
    await onQuota(notice);
  } catch (error) {
    log.warn({ jobId: notice.jobId, error: String(error) }, "the dispatcher could not be told of a quota");
  }
}

async function tell({ log, onUsage }: CallServer, usage: CallUsage): Promise<void> {
  log.info({ ...usage }, "model call ended");
  try {
    await onUsage(usage);
  } catch (error) {
    const { callId, jobId } = usage;
    log.warn({ callId, jobId, error: String(error) }, "the usage of a call was not counted");
  }
}
