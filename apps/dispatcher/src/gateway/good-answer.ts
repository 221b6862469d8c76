/** An answer of a provider that is one: whether it can be passed on, the passing on, and what it used. */
import type { IncomingMessage } from "node:http";
import type { CallOutcome, ProviderCall } from "./provider-call.ts";
import { headersBack } from "./providers/provider.ts";
import { passOn } from "./upstream.ts";
import { createSilentMeter, createUsageMeter } from "./usage-meter.ts";

/** Passes a good answer on and reads what it used. */
export async function passAnswer(
  call: ProviderCall,
  answer: IncomingMessage,
): Promise<Omit<CallOutcome, "key" | "tries">> {
  const { response, route, provider } = call;
  const type = answer.headers["content-type"] ?? "";
  const meter = route.paid ? createUsageMeter(type, route.dialect.usage) : createSilentMeter();
  let responseBytes = 0;
  response.writeHead(answer.statusCode ?? 200, headersBack(provider, answer.headers));
  response.flushHeaders();
  const whole = await passOn({
    answer,
    response,
    see(chunk) {
      responseBytes += chunk.byteLength;
      meter.push(chunk);
      call.see?.(chunk);
    },
    idleMs: call.limits.idleMs,
    signal: call.signal,
  });
  const usage = meter.read();
  return {
    ...usage,
    // A server of one's own may count nothing; what it answered is all there will ever be to know.
    final: usage.final || (whole && provider.name === "local"),
    status: answer.statusCode ?? null,
    requestId: idOf(answer),
    stream: /^text\/event-stream\b/i.test(type),
    aborted: !whole,
    responseBytes,
  };
}

/** Why an answer cannot be passed on, or null. */
export function unusableAnswer({ provider }: ProviderCall, answer: IncomingMessage): string | null {
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    // Following it would send the key to wherever it points.
    return `${provider.title} answered ${status}, a redirect. Set baseUrl of llm: ${provider.name} on the server to the final address`;
  }
  const encoding = answer.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return `${provider.title} answered in ${encoding}, which was not asked for, so its usage cannot be counted`;
  }
  return null;
}

/** The provider's own id of the call; null when it gave none. */
export function idOf(answer: IncomingMessage): string | null {
  const id = answer.headers["request-id"] ?? answer.headers["x-request-id"];
  return typeof id === "string" ? id.slice(0, 128) : null;
}
