/** What the way out asks of the dispatcher and tells it; each answer is a value, also "nobody answered". */
import type { Place } from "@hive/core";
import { ApiError, createClient, endpoints, type EgressRefusal, type EgressVerdict } from "@hive/protocol";
import type { Log } from "./log.ts";

/** A lease, by whom it is of and which of its two tokens is used. */
export interface EgressLease {
  readonly jobId: string;
  readonly fence: number;
  readonly audience: "worker" | "egress";
}

export type OpenAnswer =
  | { readonly kind: "verdict"; readonly verdict: EgressVerdict }
  /** The token is none of ours, or for something else. */
  | { readonly kind: "unauthorized"; readonly message: string }
  /** The lease is over, or has not begun. */
  | { readonly kind: "no_lease"; readonly message: string }
  | { readonly kind: "unanswered" };

export interface Report {
  readonly leases: readonly { readonly jobId: string; readonly fence: number }[];
  readonly connections: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

export interface DispatcherLink {
  open(token: string, place: Place): Promise<OpenAnswer>;
  /** Sent once, in the background: a refusal nobody heard of has still been refused. */
  blocked(lease: EgressLease, place: Place, reason: EgressRefusal, message: string): void;
  /** The leases of the report that are over. Rejects when nobody answered. */
  report(report: Report): Promise<readonly { readonly jobId: string; readonly fence: number }[]>;
}

const OPEN_MS = 5_000;
const REPORT_MS = 2_000;

export function createDispatcherLink(options: {
  readonly baseUrl: string;
  readonly token: string;
  readonly log: Log;
}): DispatcherLink {
  const client = createClient({ baseUrl: options.baseUrl, token: options.token });
  return {
    async open(token, { host, port }) {
      try {
        const call = { body: { token, host, port } };
        return { kind: "verdict", verdict: await client.call(endpoints.egressOpen, call, { timeoutMs: OPEN_MS }) };
      } catch (error) {
        if (!(error instanceof ApiError)) return { kind: "unanswered" };
        if (error.is("unauthorized")) return { kind: "unauthorized", message: error.message };
        if (error.is("lease_lost") || error.is("not_begun")) return { kind: "no_lease", message: error.message };
        return { kind: "unanswered" };
      }
    },
    blocked({ jobId, fence }, { host, port }, reason, message) {
      const body = { jobId, fence, host, port, reason, message: message.slice(0, 1_024) };
      client.call(endpoints.egressBlocked, { body }).catch((error: unknown) => {
        options.log.warn({ jobId, fence, host, port, reason, error: String(error) }, "a refusal was not told");
      });
    },
    async report(report) {
      const body = { ...report, leases: report.leases.map(({ jobId, fence }) => ({ jobId, fence })) };
      const { over } = await client.call(endpoints.egressReport, { body }, { timeoutMs: REPORT_MS });
      return over;
    },
  };
}
