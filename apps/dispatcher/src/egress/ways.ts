/**
 * The connections that are open, by lease. Every second they are counted and the dispatcher is asked, with one question
 * for all, which leases are over: the connections of those are cut, as are those of a lease that moved too much, and one
 * over which nothing moved for long. Supervisor and agent of one lease have accounts of their own.
 */
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { DispatcherLink, EgressLease } from "./dispatcher-link.ts";

export interface WayLimits {
  /** Connections of one account at once. */
  readonly connections: number;
  /** Bytes of one account, both ways, over its whole lease. Looked at every second, so a little more may pass. */
  readonly bytes: number;
  /** Milliseconds without a byte. Default 5 minutes. */
  readonly idleMs?: number;
  /** Milliseconds connections stay open while nobody answers whether their lease lives. Default 30,000. */
  readonly graceMs?: number;
}

/** The bytes of a connection, both ways. */
export type Counted = Pick<Socket, "bytesRead" | "bytesWritten">;

/** Why a way was cut. */
export type CutReason = "over" | "too_many_bytes" | "idle" | "unknown" | "stopping";

/** One connection of a lease to the outside. */
export interface Way {
  /** This is the socket whose bytes count. */
  carry(upstream: Counted): void;
  /** The connection is closed. Safe to call twice. */
  end(): void;
}

export interface Ways {
  /** Takes a place among the lease's connections. `cut` closes it. */
  open(lease: EgressLease, cut: (reason: CutReason) => void): Way | "too_many_connections" | "too_many_bytes";
  /** Connections open now. */
  readonly size: number;
  /** Cuts all. */
  stop(): void;
}

export interface WaysOptions {
  readonly limits: WayLimits;
  readonly clock: Pick<Clock, "mono" | "after">;
  readonly report: DispatcherLink["report"];
}

/** Milliseconds between two looks. */
export const LOOK_MS = 1_000;
const IDLE_MS = 300_000;
const GRACE_MS = 30_000;

interface OpenWay {
  readonly cut: (reason: CutReason) => void;
  upstream: Counted | null;
  bytesOut: number;
  bytesIn: number;
  movedAt: number;
}

interface Account {
  readonly lease: EgressLease;
  readonly ways: Set<OpenWay>;
  bytes: number;
}

export function createWays({ limits, clock, report }: WaysOptions): Ways {
  const { idleMs = IDLE_MS, graceMs = GRACE_MS } = limits;
  const accounts = new Map<string, Account>();
  /** Counted and not told yet. */
  const untold = { bytesOut: 0, bytesIn: 0 };
  let answeredAt = clock.mono();
  let toldConnections = 0;
  let stopped = false;
  let takeBack = (): void => {};

  const size = (): number => [...accounts.values()].reduce((sum, { ways }) => sum + ways.size, 0);

  function measure(account: Account, way: OpenWay): void {
    const out = (way.upstream?.bytesWritten ?? 0) - way.bytesOut;
    const into = (way.upstream?.bytesRead ?? 0) - way.bytesIn;
    if (out === 0 && into === 0) return;
    way.bytesOut += out;
    way.bytesIn += into;
    way.movedAt = clock.mono();
    account.bytes += out + into;
    untold.bytesOut += out;
    untold.bytesIn += into;
  }

  function cutAll(account: Account, reason: CutReason): void {
    for (const way of account.ways) way.cut(reason);
  }

  function count(): void {
    for (const account of accounts.values()) {
      for (const way of account.ways) {
        measure(account, way);
        if (clock.mono() - way.movedAt > idleMs) way.cut("idle");
      }
      if (account.bytes > limits.bytes) cutAll(account, "too_many_bytes");
    }
  }

  async function ask(): Promise<void> {
    const connections = size();
    const { bytesOut, bytesIn } = untold;
    if (accounts.size === 0 && bytesOut + bytesIn === 0 && connections === toldConnections) {
      answeredAt = clock.mono();
      return;
    }
    const leases = [...new Map([...accounts.values()].map(({ lease }) => [idOf(lease), lease])).values()];
    try {
      const over = new Set((await report({ leases, connections, bytesOut, bytesIn })).map(idOf));
      answeredAt = clock.mono();
      toldConnections = connections;
      untold.bytesOut -= bytesOut;
      untold.bytesIn -= bytesIn;
      for (const [key, account] of accounts) {
        if (!over.has(idOf(account.lease))) continue;
        cutAll(account, "over");
        accounts.delete(key);
      }
    } catch {
      // Nobody can say whether a lease lives: for as long as one may last unheard they are given the benefit.
      if (clock.mono() - answeredAt > graceMs) for (const account of accounts.values()) cutAll(account, "unknown");
    }
  }

  async function look(): Promise<void> {
    count();
    await ask();
  }

  const again = (): void => {
    takeBack = clock.after(LOOK_MS, () => {
      void look().finally(() => {
        if (!stopped) again();
      });
    });
  };
  again();

  return {
    open(lease, cut) {
      const key = `${idOf(lease)} ${lease.audience}`;
      const account = accounts.get(key) ?? { lease, ways: new Set(), bytes: 0 };
      if (account.ways.size >= limits.connections) return "too_many_connections";
      if (account.bytes > limits.bytes) return "too_many_bytes";
      accounts.set(key, account);
      const way: OpenWay = { cut, upstream: null, bytesOut: 0, bytesIn: 0, movedAt: clock.mono() };
      account.ways.add(way);
      return {
        carry: (upstream) => void (way.upstream = upstream),
        end() {
          if (account.ways.delete(way)) measure(account, way);
        },
      };
    },
    get size() {
      return size();
    },
    stop() {
      stopped = true;
      takeBack();
      for (const account of accounts.values()) cutAll(account, "stopping");
    },
  };
}

function idOf({ jobId, fence }: { readonly jobId: string; readonly fence: number }): string {
  return `${jobId}/${fence}`;
}
