/** Backends that nobody would want, each at an address of its own, and a good one beside them. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { monotonicMs, type RunHistory } from "./history.ts";

/** What a receiver does with what it is sent. */
export type Manner =
  | "good"
  | "error"
  | "busy"
  | "gone"
  | "elsewhere"
  | "silent"
  | "dripping"
  | "resetting"
  | "endless"
  | "trap";

export interface Receivers extends AsyncDisposable {
  url(manner: Manner): string;
  /** Requests it took. */
  count(manner: Manner): number;
  /** What was wrong with a request: a signature, another body under one id. */
  readonly broken: readonly string[];
}

/** How much the endless one has to say. */
const ENDLESS_BYTES = 10_000_000;
const DRIP_MS = 1_000;

/** Starts them all. What the good one takes goes into the history; `trap` is where `elsewhere` sends people. */
export async function startReceivers(secret: string, history: RunHistory): Promise<Receivers> {
  const rooms = new AsyncDisposableStack();
  const counts = new Map<Manner, number>();
  const urls = new Map<Manner, string>();
  const bodies = new Map<string, string>();
  const broken: string[] = [];
  const webhook = new Webhook(secret);

  /** Looks at a request, and notes it where it is the history's. */
  function look(manner: Manner, request: IncomingMessage, body: string): void {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const id = headers["webhook-id"] ?? "";
    try {
      webhook.verify(body, headers);
    } catch (error) {
      broken.push(`I6: ${manner} got ${id} with a wrong signature: ${String(error)}`);
    }
    if ((bodies.get(id) ?? body) !== body) broken.push(`I6: ${manner} got ${id} with another body`);
    bodies.set(id, body);
    if (manner !== "good") return;
    const { data } = JSON.parse(body) as { readonly data: { readonly jobId: string; readonly event: number } };
    const about = { at: monotonicMs(), jobId: data.jobId, n: data.event };
    history.add({ kind: "sent", ...about });
    history.add({ kind: "called", ...about, messageId: id, body, status: 200 });
    history.add({ kind: "heard", ...about, status: 200 });
  }

  async function start(manner: Manner): Promise<void> {
    const server: Server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.on("error", () => undefined);
      response.on("error", () => undefined);
      request.on("end", () => {
        counts.set(manner, (counts.get(manner) ?? 0) + 1);
        look(manner, request, Buffer.concat(pieces).toString("utf8"));
        behave(manner, request, response, urls.get("trap") ?? "");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    urls.set(manner, `http://127.0.0.1:${(server.address() as AddressInfo).port}/hive`);
    rooms.defer(async () => {
      server.closeAllConnections();
      await new Promise((done) => {
        server.close(done);
      });
    });
  }

  for (const manner of MANNERS) await start(manner);
  return {
    url: (manner) => urls.get(manner) ?? "",
    count: (manner) => counts.get(manner) ?? 0,
    broken,
    [Symbol.asyncDispose]: () => rooms.disposeAsync(),
  };
}

/** All but the trap, which nobody is to be sent to. */
export const HOSTILE: readonly Manner[] = [
  "error",
  "busy",
  "gone",
  "elsewhere",
  "silent",
  "dripping",
  "resetting",
  "endless",
];
const MANNERS: readonly Manner[] = ["good", "trap", ...HOSTILE];

function behave(manner: Manner, request: IncomingMessage, response: ServerResponse, elsewhere: string): void {
  switch (manner) {
    case "good":
    case "trap":
      response.writeHead(200).end();
      return;
    case "error":
      response.writeHead(500).end("it broke");
      return;
    case "busy":
      response.writeHead(429, { "retry-after": "3600" }).end();
      return;
    case "gone":
      response.writeHead(410).end();
      return;
    case "elsewhere":
      response.writeHead(307, { location: elsewhere }).end();
      return;
    case "silent":
      return;
    case "dripping":
      response.writeHead(200);
      drip(response);
      return;
    case "resetting":
      response.writeHead(200, { "content-length": "1000" });
      response.write("half of it", () => request.socket.resetAndDestroy());
      return;
    case "endless":
      response.writeHead(200);
      pour(response, ENDLESS_BYTES);
      return;
    default:
      manner satisfies never;
  }
}

/** A byte a second, for as long as somebody listens. */
function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write("."), DRIP_MS);
  response.once("close", () => clearInterval(timer));
}

function pour(response: ServerResponse, left: number): void {
  if (left <= 0 || response.destroyed) return void response.end();
  const piece = Buffer.alloc(Math.min(left, 65_536), "x");
  response.write(piece, () => pour(response, left - piece.length));
}
