/**
 * One HTTP exchange with a Docker Engine over its Unix socket. Every call has a connection of its own: connecting costs
 * microseconds here, and a kept connection that the engine dropped in the meantime would make a create unclear for nothing.
 */

import { type IncomingMessage, request as httpRequest } from "node:http";
import type { Readable } from "node:stream";
import type { z } from "zod";
import type { Clock } from "../../clock.ts";
import { answerError, connectionError, EngineError } from "./engine-error.ts";

/** One call. */
export interface EngineCall {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the socket, with the version of the API: `/v1.41/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON; a stream is sent as a tar archive. */
  readonly body?: object | Readable;
  /** The call in words for messages, such as "create hive-worker-1". */
  readonly what: string;
  /** Milliseconds until the answer must have begun, and, where it is read whole, have ended. Null: no limit. Default 60 s. */
  readonly timeoutMs?: number | null;
  /** Ends the call, whatever it does. */
  readonly signal?: AbortSignal;
}

/** Sends calls to one engine. */
export interface EngineSocket {
  /** As `unix:///var/run/docker.sock`, for messages. */
  readonly address: string;
  /** Resolves with the answer when its head is here and says success. @throws EngineError */
  open(call: EngineCall): Promise<IncomingMessage>;
  /** The answer as JSON. @throws EngineError */
  read<S extends z.ZodType>(call: EngineCall, schema: S): Promise<z.infer<S>>;
  /** Resolves when the engine said it is done; what else it said is dropped. @throws EngineError */
  run(call: EngineCall): Promise<void>;
}

/** Milliseconds. A create on a busy disk takes seconds; a minute means that nobody works on it. */
const TIMEOUT_MS = 60_000;
/** A list of a thousand containers is about 2 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 64 * 1024;

export function createEngineSocket(socketPath: string, clock: Pick<Clock, "after">): EngineSocket {
  const address = `unix://${socketPath}`;

  /** Sends a call; `done` is called when what the time limit covers is over. */
  function send(call: EngineCall): { readonly answer: Promise<IncomingMessage>; readonly done: () => void } {
    const { promise: answer, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const query = call.query === undefined ? "" : `?${new URLSearchParams(call.query).toString()}`;
    const body = call.body;
    const isTar = body !== undefined && "pipe" in body;
    const json = body === undefined || isTar ? undefined : Buffer.from(JSON.stringify(body));
    let connected = false;
    let failure: EngineError | undefined;
    const request = httpRequest({
      socketPath,
      method: call.method,
      path: call.path + query,
      agent: false,
      headers: {
        host: "docker",
        ...(isTar ? { "content-type": "application/x-tar" } : {}),
        ...(json === undefined ? {} : { "content-type": "application/json", "content-length": json.length }),
      },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    const timeoutMs = call.timeoutMs === undefined ? TIMEOUT_MS : call.timeoutMs;
    const takeBack =
      timeoutMs === null
        ? () => undefined
        : clock.after(timeoutMs, () => {
            failure = new EngineError(
              "timeout",
              `The Docker Engine at ${address} did not ${call.what} within ${timeoutMs / 1000} s.`,
            );
            request.destroy(failure);
          });
    request.once("socket", (socket) => socket.once("connect", () => (connected = true)));
    request.once("response", resolve);
    request.once("close", takeBack);
    request.on("error", (error) => {
      takeBack();
      reject(failure ?? connectionError(address, connected, error));
    });
    if (isTar) {
      body.once("error", (error) => request.destroy(error));
      // An engine that refuses half-way answers and stops reading; the answer says why, not the broken pipe.
      body.pipe(request);
    } else request.end(json);
    return { answer, done: takeBack };
  }

  async function accepted(call: EngineCall): Promise<{ response: IncomingMessage; done: () => void }> {
    const { answer, done } = send(call);
    const response = await answer;
    const status = response.statusCode ?? 0;
    // 304: it is so already, such as a container that runs and is started.
    if ((status >= 200 && status < 300) || status === 304) return { response, done };
    const said = messageOf(await collect(address, response, MAX_MESSAGE_BYTES));
    done();
    throw answerError(call.what, status, said);
  }

  return {
    address,
    async open(call) {
      const { response, done } = await accepted(call);
      done();
      return response;
    },
    async read(call, schema) {
      const { response, done } = await accepted(call);
      const text = await collect(address, response, MAX_ANSWER_BYTES);
      done();
      return parseReply(call.what, text, schema);
    },
    async run(call) {
      const { response, done } = await accepted(call);
      await collect(address, response, MAX_ANSWER_BYTES);
      done();
    },
  };
}

/** What an engine's answer says, checked. @throws EngineError of kind `bad_reply` */
export function parseReply<S extends z.ZodType>(what: string, text: string, schema: S): z.infer<S> {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (error) {
    throw new EngineError("bad_reply", `Docker's answer to "${what}" is no JSON: ${text.slice(0, 200)}`, {
      cause: error,
    });
  }
  const parsed = schema.safeParse(said);
  if (parsed.success) return parsed.data;
  throw new EngineError("bad_reply", `Docker's answer to "${what}" is not understood: ${parsed.error.message}`, {
    cause: parsed.error,
  });
}

async function collect(address: string, response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw new EngineError("bad_reply", `Docker's answer is longer than ${limit} bytes.`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw connectionError(address, true, error instanceof Error ? error : new Error(String(error)));
  }
  return Buffer.concat(chunks).toString("utf8");
}

function messageOf(text: string): string {
  try {
    const said: unknown = JSON.parse(text);
    if (typeof said === "object" && said !== null && "message" in said && typeof said.message === "string")
      return said.message.trim();
  } catch {
    // Podman and proxies answer plain text.
  }
  return text.trim().slice(0, 500);
}
