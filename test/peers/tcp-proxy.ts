/**
 * A bad network in one process: a TCP proxy on loopback between two programs of a test. It delays, slows, holds, cuts and
 * refuses, and above all it carries a request to its end and loses the answer: the fault that makes an outcome unknown.
 * Rules hold for the connections that are open and for those that come, until `heal`.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** Where requests go. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** From the one who connected (`requests`), or to it (`answers`). */
export type Direction = "requests" | "answers";

export interface TcpProxyOptions {
  /** Where requests go: a port of 127.0.0.1, or of another address. Default: nowhere, until `pointTo`. */
  readonly to?: number | Target;
  /** Where it listens. Default: 127.0.0.1. */
  readonly host?: string;
}

export interface TcpProxy {
  /** Stays the same through `refuse` and `heal`. */
  readonly port: number;
  /** How often each thing happened; a test that proves a fault looks here. */
  readonly counts: {
    /** Connections taken. */
    readonly connections: number;
    /** Answers that came from the server and were dropped with their connection. */
    readonly answersCut: number;
    /** Connections reset by `cutAfter`. */
    readonly cutMidway: number;
    readonly open: number;
  };
  /** Sends the connections that come somewhere else, as a name does that moves; those that are open stay. */
  pointTo(to: number | Target): void;
  /** Requests go through; an answer (each, or each `which` picks) is dropped and its connection reset. */
  cutAnswers(which?: () => boolean): void;
  /** Each piece of data waits this many milliseconds, in both directions; a function is asked for each piece. */
  delay(ms: number | (() => number)): void;
  /** At most this many bytes a second in each direction of each connection. */
  slow(bytesPerSecond: number): void;
  /** Nothing passes in this direction (default: in both); connections stay open, as behind a firewall that drops. */
  hold(direction?: Direction): void;
  /** Shows each piece of a request on its way, with the number of its connection: one who hears it may say it again. */
  overhear(listener: (connection: number, piece: Buffer) => void): void;
  /** Resets each connection once this many more bytes have passed in this direction (a function is asked for each). */
  cutAfter(bytes: number | (() => number), direction: Direction): void;
  /** Resets what is open and listens no more: a connection attempt is refused. */
  refuse(): void;
  /** Takes every rule back; what was held goes on. Resolves once it listens. */
  heal(): Promise<void>;
  /** Resets what is open and ends. Safe to call twice. */
  dispose(): Promise<void>;
}

/** What one direction of one connection does. */
interface Rules {
  readonly cuts: (() => boolean) | null;
  readonly delayMs: () => number;
  readonly bytesPerSecond: number;
  readonly holds: ReadonlySet<Direction>;
  readonly hears: ((connection: number, piece: Buffer) => void) | null;
  readonly cutAfter: { readonly direction: Direction; readonly bytes: () => number } | null;
}

/** How much of a `cutAfter` one direction of one connection has used up. */
interface Passed {
  rule: Rules["cutAfter"];
  left: number;
}

interface Pair {
  /** From 1. */
  readonly number: number;
  readonly client: Socket;
  readonly server: Socket;
}

const NO_RULES: Rules = {
  cuts: null,
  delayMs: () => 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  holds: new Set(),
  hears: null,
  cutAfter: null,
};

/** A slow connection sends this often a second, an equal share each time. */
const SLOW_STEPS = 20;

/** Starts a proxy that changes nothing yet. */
export async function startTcpProxy({ to, host = "127.0.0.1" }: TcpProxyOptions = {}): Promise<TcpProxy> {
  const proxy = new Proxy(host);
  if (to !== undefined) proxy.pointTo(to);
  await proxy.listen(0);
  return proxy;
}

class Proxy implements TcpProxy {
  readonly counts = { connections: 0, answersCut: 0, cutMidway: 0, open: 0 };
  readonly #host: string;
  readonly #pairs = new Set<Pair>();
  #rules: Rules = NO_RULES;
  #server: Server | null = null;
  #port = 0;
  #to: Target | null = null;
  #over = false;
  /** Resolves at the next `heal`, or when all is over: for what is held. */
  #healed = Promise.withResolvers<void>();

  constructor(host: string) {
    this.#host = host;
  }

  get port(): number {
    return this.#port;
  }

  async listen(port: number): Promise<void> {
    // A reader that ends its sending may still want its answer.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#take(client));
    this.#server = server;
    server.listen(port, this.#host);
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
  }

  pointTo(to: number | Target): void {
    this.#to = typeof to === "number" ? { host: "127.0.0.1", port: to } : to;
  }

  cutAnswers(which: () => boolean = () => true): void {
    this.#rules = { ...this.#rules, cuts: which };
  }

  delay(ms: number | (() => number)): void {
    this.#rules = { ...this.#rules, delayMs: typeof ms === "number" ? () => ms : ms };
  }

  slow(bytesPerSecond: number): void {
    this.#rules = { ...this.#rules, bytesPerSecond };
  }

  hold(direction?: Direction): void {
    const holds = new Set<Direction>(direction === undefined ? ["requests", "answers"] : [direction]);
    this.#rules = { ...this.#rules, holds };
  }

  overhear(listener: (connection: number, piece: Buffer) => void): void {
    this.#rules = { ...this.#rules, hears: listener };
  }

  cutAfter(bytes: number | (() => number), direction: Direction): void {
    const limit = typeof bytes === "number" ? () => bytes : bytes;
    this.#rules = { ...this.#rules, cutAfter: { direction, bytes: limit } };
  }

  refuse(): void {
    this.#server?.close();
    this.#server = null;
    this.#resetAll();
  }

  async heal(): Promise<void> {
    this.#rules = NO_RULES;
    this.#healed.resolve();
    this.#healed = Promise.withResolvers();
    if (this.#server === null && !this.#over) await this.listen(this.#port);
  }

  async dispose(): Promise<void> {
    this.#over = true;
    const server = this.#server;
    this.#server = null;
    this.#resetAll();
    this.#healed.resolve();
    if (server === null) return;
    await new Promise((done) => {
      server.close(done);
    });
  }

  #take(client: Socket): void {
    if (this.#to === null) return void client.resetAndDestroy();
    this.counts.connections += 1;
    const server = connect({ ...this.#to, allowHalfOpen: true, noDelay: true });
    const pair: Pair = { number: this.counts.connections, client, server };
    this.#pairs.add(pair);
    this.counts.open = this.#pairs.size;
    for (const socket of [client, server]) {
      socket.on("error", () => this.#reset(pair));
      socket.once("close", () => {
        if (client.destroyed && server.destroyed) this.#forget(pair);
      });
    }
    void this.#carry(pair, "requests");
    void this.#carry(pair, "answers");
  }

  /** Carries one direction to its end. */
  async #carry(pair: Pair, direction: Direction): Promise<void> {
    const [from, to] = direction === "requests" ? [pair.client, pair.server] : [pair.server, pair.client];
    const passed: Passed = { rule: null, left: 0 };
    try {
      // The end of one direction must not end the other.
      for await (const piece of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        if (direction === "requests") this.#rules.hears?.(pair.number, piece);
        if (!(await this.#pass(to, piece, direction, passed))) return this.#reset(pair);
      }
      to.end();
    } catch {
      this.#reset(pair);
    }
  }

  /** False: this connection is to be cut. */
  async #pass(to: Socket, piece: Buffer, direction: Direction, passed: Passed): Promise<boolean> {
    const ms = this.#rules.delayMs();
    if (ms > 0) await wait(ms);
    while (this.#rules.holds.has(direction) && !this.#over) await this.#healed.promise;
    const { cuts, cutAfter, bytesPerSecond } = this.#rules;
    if (direction === "answers" && cuts?.() === true) {
      this.counts.answersCut += 1;
      return false;
    }
    if (cutAfter?.direction !== direction) return send(to, piece, bytesPerSecond);
    if (passed.rule !== cutAfter) {
      passed.rule = cutAfter;
      passed.left = cutAfter.bytes();
    }
    const allowed = piece.subarray(0, passed.left);
    const isLast = passed.left <= piece.length;
    passed.left -= allowed.length;
    if (!(await send(to, allowed, bytesPerSecond)) || !isLast) return !isLast;
    this.counts.cutMidway += 1;
    return false;
  }

  #resetAll(): void {
    for (const pair of this.#pairs) this.#reset(pair);
  }

  #reset(pair: Pair): void {
    if (!this.#forget(pair)) return;
    for (const socket of [pair.client, pair.server]) {
      // A reset is for what is connected; an attempt under way is only given up.
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #forget(pair: Pair): boolean {
    const known = this.#pairs.delete(pair);
    this.counts.open = this.#pairs.size;
    return known;
  }
}

/** Sends all of it, to the last byte in the kernel's hands, at this speed. False: the socket is gone. */
async function send(to: Socket, piece: Buffer, bytesPerSecond: number): Promise<boolean> {
  const isSlow = Number.isFinite(bytesPerSecond);
  const step = isSlow ? Math.max(1, Math.floor(bytesPerSecond / SLOW_STEPS)) : piece.length;
  for (let at = 0; at < piece.length && !to.destroyed; at += step) {
    await new Promise((sent) => {
      to.write(piece.subarray(at, at + step), sent);
    });
    if (isSlow) await wait(1000 / SLOW_STEPS);
  }
  return !to.destroyed;
}
