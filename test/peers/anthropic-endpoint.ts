/**
 * A scripted stand-in for Anthropic's Messages API on loopback, so that the real Claude Code CLI can be run without a
 * key or a network. It speaks the real wire format (server-sent events with usage) and fails on request; what it was
 * asked is kept for the test to look at. It has no memory: whether a tool was already used is read from the history
 * in the request.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Socket } from "node:net";

/**
 * `ok`: a text, then the end. `tool`: asks for `tool` once, then a text. `loop`: asks for `tool` for ever.
 * `401`, `429`, `500`: that error each time. `hang`: takes the request and never answers.
 * `cut`: streams the beginning of an answer and drops the connection.
 */
export type EndpointMode = "ok" | "tool" | "loop" | "401" | "429" | "500" | "hang" | "cut";

/** What the model "says". */
export interface EndpointScript {
  mode: EndpointMode;
  /** For `tool` and `loop`. */
  tool?: { readonly name: string; readonly input: Readonly<Record<string, unknown>> };
  /** The text of the last message. Default: "All done." */
  text?: string;
}

/** Usage of every answer, so that tests can add up. */
export const USAGE_PER_CALL = {
  input_tokens: 1_000,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 500,
  output_tokens: 42,
} as const;

/** One request as it came in. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export interface AnthropicEndpoint {
  /** Base address without `/v1`, as `ANTHROPIC_BASE_URL` wants it. */
  readonly url: string;
  /** Change it at any time. */
  readonly script: EndpointScript;
  readonly requests: readonly RecordedRequest[];
  /** Calls of `/v1/messages` alone. */
  calls(): number;
  close(): Promise<void>;
}

const ERRORS = {
  "401": { type: "authentication_error", message: "invalid x-api-key" },
  "429": { type: "rate_limit_error", message: "This request would exceed your rate limit" },
  "500": { type: "api_error", message: "Internal server error" },
} as const;

/** Starts an endpoint on a free loopback port. */
export async function startAnthropicEndpoint(script: EndpointScript): Promise<AnthropicEndpoint> {
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    void answer(request, response, script, requests).catch(() => response.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    script,
    requests,
    calls: () => requests.filter(isMessageCall).length,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function isMessageCall(request: RecordedRequest): boolean {
  return request.method === "POST" && /^\/v1\/messages(\?|$)/.test(request.path);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  script: EndpointScript,
  requests: RecordedRequest[],
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString();
  const body: unknown = text === "" ? null : JSON.parse(text);
  const recorded = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
  requests.push(recorded);
  if (recorded.path.startsWith("/v1/messages/count_tokens")) return json(response, 200, { input_tokens: 1_000 });
  if (!isMessageCall(recorded)) return json(response, request.method === "HEAD" ? 200 : 404, {});
  const { mode } = script;
  if (mode === "hang") return;
  if (mode === "401" || mode === "429" || mode === "500") {
    return json(response, Number(mode), { type: "error", error: ERRORS[mode] });
  }
  const wantsTool = mode === "loop" || (mode === "tool" && !text.includes('"tool_result"'));
  const block: Block =
    wantsTool && script.tool
      ? { type: "tool_use", id: `toolu_${requests.length}`, name: script.tool.name, input: script.tool.input }
      : { type: "text", text: script.text ?? "All done." };
  const model = readText(body, "model") ?? "unknown-model";
  const message = { id: `msg_${requests.length}`, type: "message", role: "assistant", model };
  if (!isStreaming(body)) {
    return json(response, 200, { ...message, content: [block], stop_reason: stopReason(block), usage: USAGE_PER_CALL });
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const event of eventsOf(message, block)) {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    if (mode === "cut" && event.type === "content_block_start") return void response.destroy();
  }
  response.end();
}

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: unknown };

function eventsOf(message: Record<string, unknown>, block: Block): { type: string; [key: string]: unknown }[] {
  const { output_tokens: _all, ...input } = USAGE_PER_CALL;
  const start = block.type === "text" ? { type: "text", text: "" } : { ...block, input: {} };
  const delta =
    block.type === "text"
      ? { type: "text_delta", text: block.text }
      : { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
  return [
    {
      type: "message_start",
      message: {
        ...message,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...input, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: start },
    { type: "ping" },
    { type: "content_block_delta", index: 0, delta },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: stopReason(block), stop_sequence: null },
      usage: { output_tokens: USAGE_PER_CALL.output_tokens },
    },
    { type: "message_stop" },
  ];
}

function stopReason(block: Block): string {
  return block.type === "tool_use" ? "tool_use" : "end_turn";
}

function readText(body: unknown, key: string): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const value: unknown = Reflect.get(body, key);
  return typeof value === "string" ? value : undefined;
}

function isStreaming(body: unknown): boolean {
  return typeof body === "object" && body !== null && Reflect.get(body, "stream") === true;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
