/**
 * A server of the Model Context Protocol as small as one can be: over standard input and output, with one tool, `buzz`.
 * It answers what clients ask at their start and nothing else.
 */
import { createInterface } from "node:readline";

interface Asked {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly protocolVersion?: string };
}

const TOOL = { name: "buzz", description: "Says BUZZ-FROM-THE-HIVE", inputSchema: { type: "object", properties: {} } };

function answer({ method, params }: Asked): object {
  switch (method) {
    case "initialize": {
      const serverInfo = { name: "bee-tools", version: "1.0.0" };
      return { protocolVersion: params?.protocolVersion ?? "2025-03-26", capabilities: { tools: {} }, serverInfo };
    }
    case "tools/list":
      return { tools: [TOOL] };
    case "tools/call":
      return { content: [{ type: "text", text: "BUZZ" }] };
    default:
      return {};
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line) as Asked;
  if (asked.id === undefined) continue;
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id: asked.id, result: answer(asked) })}\n`);
}
