/** What the gateway asks of the rest of Hive, and what it is told: its options, its limits, the words between its files. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../clock.ts";
import type { WorstCase } from "./call-request.ts";
import type { RingKey } from "./key-ring.ts";
import type { TokenVerdict, VerifyToken } from "./live-calls.ts";
import type { ProviderName } from "./llm-settings.ts";
import type { CallOutcome, RetryLimits } from "./provider-call.ts";

/** One call to a provider, told exactly once, when it is over. Token counts are the provider's. */
export interface CallUsage extends CallOutcome {
  /** Names this call; the same usage told twice counts once. */
  readonly callId: string;
  readonly jobId: string;
  readonly fence: number;
  readonly provider: ProviderName;
  readonly operation: string;
  /** False for calls that nobody counts. */
  readonly paid: boolean;
  readonly requestBytes: number;
}

/** What is asked before a call is made. */
export interface CallQuestion {
  readonly token: string;
  readonly callId: string;
  readonly provider: ProviderName;
  readonly model: string | null;
  readonly worst: WorstCase;
  /** A call that costs nothing: only the token is looked at. */
  readonly free: boolean;
}

/** A provider takes no more calls of a job before a time. */
export interface QuotaNotice {
  readonly jobId: string;
  readonly fence: number;
  readonly provider: ProviderName;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly message: string;
}

export interface GatewayLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Where a provider is and what opens it. */
export interface Upstream {
  /** Base address, without `/v1`. The operator set it, so it may be private. */
  readonly baseUrl: string;
  /** None: calls go up without a key. */
  readonly keys: readonly RingKey[];
  /** Calls at the same time over all keys. Default: any number. */
  readonly limit?: number | undefined;
}

export interface GatewayOptions {
  /** A provider that is absent answers 503 and says what to set. */
  readonly upstreams: { readonly [name in ProviderName]?: Upstream | undefined };
  /** Is this token's lease alive? Changes nothing. */
  readonly verifyToken: VerifyToken;
  /** The same, and may the call be made? Then its worst case is set aside until its usage comes. Rejects when unknown. */
  readonly admit: (question: CallQuestion) => Promise<TokenVerdict>;
  /** Must not lose what it is given; a rejection is logged. */
  readonly onUsage: (usage: CallUsage) => void | Promise<void>;
  /** Resolves when the job's worker can know of it. A rejection is logged. */
  readonly onQuota: (notice: QuotaNotice) => Promise<void>;
  /** Gets ids, statuses and sizes. Never a prompt, an answer, a token or a key; but see `logPrompts`. */
  readonly log: GatewayLog;
  /** Logs what is asked and answered too. Default false. */
  readonly logPrompts?: boolean | undefined;
  readonly limits?: Partial<GatewayLimits>;
  readonly clock?: Clock;
}

export interface GatewayLimits extends RetryLimits {
  /** Bytes of a request's body. Default 32 MiB, the most any provider takes. */
  readonly maxRequestBytes: number;
  /** Bytes of all requests that are held at once. Default 512 MiB. */
  readonly maxHeldBytes: number;
  /** Calls of one lease at the same time. Default 32. */
  readonly maxCallsPerLease: number;
  /** Milliseconds between looks whether the leases of running calls are alive. Default 2,000; 0 for never. */
  readonly recheckMs: number;
  /** Milliseconds a running call may go on while that cannot be found out. Default 30,000. */
  readonly graceMs: number;
}

export interface Gateway {
  /** Answers one request. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Cuts every running call of this lease and older ones of the job; returns how many. */
  endLease(lease: { readonly jobId: string; readonly fence: number }): number;
  /** Asks for every running call whether its lease is alive, and cuts those whose is not. Also runs by itself. */
  recheckLeases(): Promise<void>;
  /** Calls under way. */
  running(): number;
  /** Cuts all calls and waits until each one's usage was told. Safe to call twice. */
  stop(): Promise<void>;
}

/** What holds where the options say nothing else. */
export const DEFAULT_LIMITS: GatewayLimits = {
  maxRequestBytes: 32 * 1024 * 1024,
  maxHeldBytes: 512 * 1024 * 1024,
  maxCallsPerLease: 32,
  idleMs: 600_000,
  recheckMs: 2_000,
  graceMs: 30_000,
  maxWaitMs: 120_000,
  maxWaits: 5,
  firstWaitMs: 1_000,
};
