/**
 * The worker's line to the dispatcher: the client the real loops take, over the simulated network, to the real handlers.
 * Every call in the name of a lease is noted with its outcome, which is all the checkers know of it.
 */

import { HiveError } from "@hive/core";
import {
  type ApiClient,
  ApiError,
  type CallOptions,
  type Endpoint,
  type ReplyOf,
  workerEndpoints,
} from "@hive/protocol";
import type { Dispatcher } from "./dispatcher.ts";
import type { WriteKind } from "./history.ts";
import type { Program } from "./program.ts";
import type { Work } from "./replicas.ts";
import type { World } from "./world.ts";

const WRITES: Readonly<Record<string, WriteKind>> = {
  leaseHeartbeat: "heartbeat",
  leaseLogs: "logs",
  leaseEvents: "events",
  leasePublish: "publish",
  leaseFinish: "finish",
};

/** What a call may carry; the endpoints' types say which. */
interface Request {
  readonly query?: unknown;
  readonly body?: unknown;
}

/** The client of one worker's process. */
export function workerClient(world: World, program: Program): ApiClient {
  async function ask(name: string, request: Request, options: CallOptions): Promise<unknown> {
    if (name === "workerRegister")
      request = { body: { ...(request.body as object), proof: proofAt(world.time.wall()) } };
    const work: Work<unknown> = (dispatcher, closed) => serve(dispatcher, name, request, options.token, closed);
    const write = WRITES[name];
    const sentAt = world.time.now;
    const settings = { timeoutMs: options.timeoutMs ?? 30_000, signal: options.signal };
    if (write === undefined) return world.replicas.ask(program, work, settings);
    const lease = JSON.parse(options.token ?? "{}") as { readonly jobId: string; readonly fence: number };
    const finishId =
      write === "finish"
        ? world.history.finishSent(
            `${lease.jobId}/${lease.fence}`,
            (request.body as { readonly finishId: string }).finishId,
            sentAt,
          )
        : null;
    const asked = world.replicas.ask(program, work, settings);
    const note = (outcome: string, status: string | null): void =>
      world.history.add({
        kind: "write",
        at: world.time.now,
        sentAt,
        worker: program.name,
        jobId: lease.jobId,
        fence: lease.fence,
        what: write,
        outcome,
        token: write === "finish" ? tokenOf(request.body) : null,
        finishId,
        status,
      });
    try {
      const reply = await asked;
      note("ok", write === "finish" ? (reply as { readonly status: string }).status : null);
      return reply;
    } catch (error) {
      note(error instanceof ApiError ? error.code : "unknown", null);
      throw error;
    }
  }

  return {
    async call<E extends Endpoint>(endpoint: E, request: Request, options: CallOptions = {}): Promise<ReplyOf<E>> {
      return (await ask(nameOf(endpoint), request, options)) as ReplyOf<E>;
    },
    open: () => Promise.reject(new Error("no streams here")),
  };
}

/** Real proofs need threads for their HMAC, which no seed repeats; they too say when they were made. */
function proofAt(wall: number): { readonly kind: "launch"; readonly token: string } {
  return { kind: "launch", token: String(wall) };
}

/** What marks a finish, put where its event shows it. */
function tokenOf(body: unknown): string | null {
  const { outcome } = body as {
    readonly outcome: {
      readonly message?: string;
      readonly error?: { readonly message: string };
      readonly result?: { readonly summary: string | null } | null;
    };
  };
  return outcome.message ?? outcome.error?.message ?? outcome.result?.summary ?? null;
}

const NAMES = new Map<Endpoint, string>(Object.entries(workerEndpoints).map(([name, endpoint]) => [endpoint, name]));

function nameOf(endpoint: Endpoint): string {
  const name = NAMES.get(endpoint);
  if (name === undefined) throw new Error(`no worker calls ${endpoint.path}`);
  return name;
}

/** The server's side of one request: who calls, then the handler. */
async function serve(
  dispatcher: Dispatcher,
  name: string,
  request: Request,
  token: string | undefined,
  closed: AbortSignal,
): Promise<unknown> {
  const { handlers } = dispatcher;
  const nothing = {
    headers: {},
    address: "127.0.0.1",
    setCookies: () => undefined,
    params: undefined,
    query: undefined,
  };
  const about = { ...nothing, requestId: "simulated", closed };
  const lease = async () => ({ ...about, caller: await dispatcher.admitLease(token, name === "leaseFinish") });
  const body: unknown = request.body instanceof Uint8Array ? request.body : copy(request.body);
  switch (name) {
    case "workerRegister":
      return handlers.workerRegister({ ...about, caller: null, body: body as Body<"workerRegister"> });
    case "workerClaim": {
      const caller = await dispatcher.admitWorker(token);
      return handlers.workerClaim({ ...about, caller, body: body as Body<"workerClaim"> });
    }
    case "workerGoodbye": {
      const caller = await dispatcher.admitWorker(token);
      return handlers.workerGoodbye({ ...about, caller, body: undefined });
    }
    case "leaseHeartbeat":
      return handlers.leaseHeartbeat({ ...(await lease()), body: body as Body<"leaseHeartbeat"> });
    case "leaseEvents":
      return handlers.leaseEvents({ ...(await lease()), body: body as Body<"leaseEvents"> });
    case "leaseStart":
      return handlers.leaseStart({ ...(await lease()), body: body as Body<"leaseStart"> });
    case "leasePublish":
      return handlers.leasePublish({ ...(await lease()), body: body as Body<"leasePublish"> });
    case "leaseFinish":
      return handlers.leaseFinish({ ...(await lease()), body: body as Body<"leaseFinish"> });
    case "leaseLogs": {
      const query = request.query as { readonly offset: number };
      return handlers.leaseLogs({ ...(await lease()), query, body: once(body as Uint8Array) });
    }
    case "gatewayAdmit":
      return handlers.gatewayAdmit({ ...about, caller: SERVER, body: body as Body<"gatewayAdmit"> });
    case "gatewayQuota":
      return handlers.gatewayQuota({ ...about, caller: SERVER, body: body as Body<"gatewayQuota"> });
    case "gatewayUsage":
      return handlers.gatewayUsage({ ...about, caller: SERVER, body: body as Body<"gatewayUsage"> });
    default:
      throw new HiveError("not_found", name);
  }
}

/** The gateway's own token opens what it calls. */
const SERVER = { name: "server" } as const;

type Handlers = Dispatcher["handlers"];
type Body<N extends keyof Handlers> = Parameters<Handlers[N]>[0]["body"];

function copy(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
