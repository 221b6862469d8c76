/** Reads a stream of server-sent events (the HTML standard's text/event-stream) as JSON messages. */

/** One message may be this long; a stream that sends more without an end is broken. */
const MAX_MESSAGE = 65_536;

/** The `data` of each message as parsed JSON (undefined where it is none). `onBytes` sees every sign of life, pings too. */
export async function* readServerEvents(response: Response, onBytes: () => void): AsyncGenerator {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body) {
    onBytes();
    text += decoder.decode(chunk, { stream: true });
    for (let end = /\r?\n\r?\n/.exec(text); end !== null; end = /\r?\n\r?\n/.exec(text)) {
      const data = dataOf(text.slice(0, end.index));
      text = text.slice(end.index + end[0].length);
      if (data !== null) yield parse(data);
    }
    if (text.length > MAX_MESSAGE) throw new RangeError("the event stream sent a message without an end");
  }
}

function dataOf(message: string): string | null {
  const lines = message
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice("data:".length).replace(/^ /, ""));
  return lines.length === 0 ? null : lines.join("\n");
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    // Not ours; the reader's schema refuses it.
    return undefined;
  }
}
