/**
 * One request to a provider and the passing on of its answer: the answer's bytes come down unchanged, neither side faster
 * than the other takes them. Both end early when their signal aborts.
 */
import http, { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import https from "node:https";

export interface UpstreamRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: OutgoingHttpHeaders;
  /** Null: none is sent. */
  readonly body: Buffer | null;
  readonly agent: http.Agent;
  /** Milliseconds until the answer begins before the request is given up. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

export type UpstreamReply =
  | { readonly ok: true; readonly answer: IncomingMessage }
  | {
      readonly ok: false;
      /** For people. */
      readonly why: string;
      /** False: the provider cannot have seen the request, so nobody pays for it. */
      readonly sent: boolean;
      /** The connection was kept from an earlier call and closed meanwhile: a new one will do. */
      readonly stale: boolean;
    };

/** Sends a request and waits until its answer begins. Never rejects. */
export function askUpstream(request: UpstreamRequest): Promise<UpstreamReply> {
  const { signal } = request;
  return new Promise((settle) => {
    let sent = false;
    const client = request.url.protocol === "https:" ? https : http;
    const upstream = client.request(request.url, {
      method: request.method,
      headers: request.headers,
      agent: request.agent,
    });
    const fail = (why: string, stale = false) => {
      finish();
      settle({ ok: false, why, sent, stale });
      upstream.destroy();
    };
    const idle = setTimeout(
      () => fail(`Nothing came from the model provider for ${request.idleMs} ms`),
      request.idleMs,
    );
    idle.unref();
    const onAbort = () => fail("The call is over");
    const finish = () => {
      clearTimeout(idle);
      signal.removeEventListener("abort", onAbort);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    upstream.on("socket", (socket) => {
      if (upstream.reusedSocket || !socket.connecting) {
        sent = true;
      } else {
        socket.once(request.url.protocol === "https:" ? "secureConnect" : "connect", () => (sent = true));
      }
    });
    upstream.on("error", (error: NodeJS.ErrnoException) => {
      const stale = upstream.reusedSocket && error.code === "ECONNRESET";
      fail(`The model provider could not be reached (${error.code ?? "connection failed"})`, stale);
    });
    upstream.on("response", (answer) => {
      finish();
      // Whoever reads it hears of a break by its end; without this the error would end the process.
      answer.on("error", () => undefined);
      settle({ ok: true, answer });
    });
    if (signal.aborted) {
      onAbort();
    } else {
      upstream.end(request.body ?? undefined);
    }
  });
}

/** The beginning of an answer's body, and whether that is all of it; the rest is dropped. Never rejects. */
export async function readStart(
  answer: IncomingMessage,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ readonly bytes: Buffer; readonly whole: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stop = () => answer.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size > maxBytes) {
        break;
      }
    }
  } catch {
    // What came is what there is.
  }
  signal.removeEventListener("abort", stop);
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), whole: answer.complete && size <= maxBytes };
}

export interface PassOnOptions {
  readonly answer: IncomingMessage;
  readonly response: ServerResponse;
  /** Sees each piece before it is passed on. */
  readonly see: (chunk: Buffer) => void;
  /** Milliseconds in which no byte moves before the answer is given up. */
  readonly idleMs: number;
  /** Aborts when the lease is over, and when the client is gone: nobody should pay for what nobody reads. */
  readonly signal: AbortSignal;
}

/** Passes an answer's body on, once its head is written. Resolves to whether it came to its end. Never rejects. */
export function passOn({ answer, response, see, idleMs, signal }: PassOnOptions): Promise<boolean> {
  return new Promise((settle) => {
    let settled = false;
    const finish = (whole: boolean) => {
      if (settled) {
        return;
      }
      settled = true;
      clearTimeout(idle);
      signal.removeEventListener("abort", cut);
      settle(whole);
      if (!whole) {
        answer.destroy();
        // Cut, not ended: a client must not take half an answer for a whole one.
        response.destroy();
      }
    };
    const cut = () => finish(false);
    const idle = setTimeout(cut, idleMs);
    idle.unref();
    signal.addEventListener("abort", cut, { once: true });
    answer.on("data", (chunk: Buffer) => {
      if (settled) {
        return;
      }
      idle.refresh();
      see(chunk);
      if (!response.write(chunk)) {
        answer.pause();
        response.once("drain", () => {
          if (!settled) {
            idle.refresh();
          }
          answer.resume();
        });
      }
    });
    answer.on("end", () => {
      finish(true);
      response.end();
    });
    answer.on("close", () => {
      if (!answer.complete) {
        cut();
      }
    });
    if (signal.aborted) {
      cut();
    }
  });
}
