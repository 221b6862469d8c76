/** Reads a `text/event-stream` body (WHATWG HTML, "Server-sent events"): the event stream's and the signals' readers. */

/** One message. */
export interface ServerEvent {
  /** The message's name; `message` when it has none. */
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/** A message longer than this, in characters, is not ours: the stream is broken off. */
const LONGEST = 4 * 1_048_576;

/**
 * The messages of a body, in order. Comments, which servers send as a sign of life, are skipped; `onBytes` hears of every
 * chunk. @throws RangeError when a message does not end.
 */
export async function* serverEvents(
  body: AsyncIterable<Uint8Array> | null,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent, void, void> {
  if (body === null) return;
  const decoder = new TextDecoder();
  let rest = "";
  let message = emptyMessage();
  for await (const chunk of body) {
    onBytes();
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST) throw new RangeError("the event stream sent a message without an end");
    for (const line of lines) {
      if (line !== "") addLine(message, line);
      else {
        if (message.data.length > 0) yield { ...message, data: message.data.join("\n") };
        message = emptyMessage();
      }
    }
  }
}

interface Draft {
  event: string;
  id: string | null;
  data: string[];
}

function emptyMessage(): Draft {
  return { event: "message", id: null, data: [] };
}

function addLine(message: Draft, line: string): void {
  const colon = line.indexOf(":");
  const field = colon === -1 ? line : line.slice(0, colon);
  const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "data") message.data.push(value);
  else if (field === "event") message.event = value;
  else if (field === "id") message.id = value;
}
