/**
 * A provider for the gateway's measurement, in the format of Anthropic's Messages API: it streams as many tokens as the
 * prompt says, each with the time it was sent, and costs next to nothing itself.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Stage } from "../stage.ts";

/** Tokens between looks whether the reader keeps up. */
const LOOK_EVERY = 64;

/** Starts it on a free loopback port; it ends with the stage. Answers its base address. */
export async function startTokenStream(stage: Stage): Promise<string> {
  const server = createServer((request, response) => {
    let sent = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      sent += part;
    });
    request.on("end", () => {
      const { messages } = JSON.parse(sent) as { messages: [{ content: string }] };
      const [tokens = 0, pauseMs = 0] = messages[0].content.split(" ").map(Number);
      response.on("error", () => undefined);
      void stream(response, tokens, pauseMs);
    });
  });
  server.on("connection", (socket) => socket.setNoDelay(true));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stage.onClear(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stream(response: ServerResponse, tokens: number, pauseMs: number): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const usage = { input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 };
  const message = {
    id: "msg_bench",
    type: "message",
    role: "assistant",
    model: "claude-sonnet-4-5",
    content: [],
    usage,
  };
  response.write(record({ type: "message_start", message }));
  for (let n = 0; n < tokens; n += 1) {
    if (pauseMs > 0) {
      await new Promise((resolve) => {
        setTimeout(resolve, pauseMs);
      });
    } else if (n % LOOK_EVERY === 0 && response.writableNeedDrain) {
      await new Promise((resolve) => response.once("drain", resolve));
    }
    if (response.destroyed) return;
    const delta = { type: "text_delta", text: " word" };
    const at = performance.timeOrigin + performance.now();
    response.write(record({ type: "content_block_delta", index: 0, delta, at }));
  }
  response.write(record({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 10 } }));
  response.end(record({ type: "message_stop" }));
}

function record(event: { readonly type: string; readonly [key: string]: unknown }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
