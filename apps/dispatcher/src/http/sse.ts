/**
 * Server-sent events on one connection. Nobody waits for a reader: what it has not taken is bounded, and a reader beyond
 * the bound is cut off; it comes back with the id of the last event it has and misses nothing.
 */

import type { ServerResponse } from "node:http";
import type { Clock } from "../clock.ts";

/** Bytes a reader may be behind: more than the largest single event. */
export const MAX_BEHIND = 2 * 1_048_576;
/** A reader that takes nothing at all for so many milliseconds is gone. */
const STUCK_MS = 30_000;
/** A comment keeps proxies from closing a quiet stream, and tells us of readers that are gone. */
const PING_MS = 15_000;

export interface EventStream {
  /** Sends a frame as `frame` makes it; false when the reader was cut off or is gone. */
  send(frame: string): boolean;
  /** Resolves when the reader has taken what was sent, or is gone. */
  drained(): Promise<void>;
  end(): void;
  readonly open: boolean;
}

/** One event in the form of the stream. `data` must be one line. */
export function frame(event: string, data: string, id?: number): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

/** Takes over a response whose headers were sent. `onEnd` is called once, however it ends. */
export function openStream(
  response: ServerResponse,
  clock: Clock,
  onEnd: () => void,
  maxBehind = MAX_BEHIND,
): EventStream {
  let open = !response.destroyed;
  let cancelPing = (): void => {};
  const close = (): void => {
    if (!open) return;
    open = false;
    cancelPing();
    onEnd();
  };
  const send = (text: string): boolean => {
    if (!open) return false;
    response.write(text);
    if (response.writableLength <= maxBehind) return true;
    response.destroy();
    close();
    return false;
  };
  const ping = (): void => {
    if (send(": ping\n\n")) cancelPing = clock.after(PING_MS, ping);
  };
  response.once("close", close);
  response.on("error", close);
  response.socket?.setNoDelay(true);
  // How long a browser waits before it comes back.
  if (open) response.write("retry: 1000\n\n");
  else onEnd();
  cancelPing = clock.after(PING_MS, ping);
  return {
    send,
    drained() {
      if (!open || !response.writableNeedDrain) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.after(STUCK_MS, () => response.destroy());
        const done = (): void => {
          cancel();
          response.off("drain", done);
          response.off("close", done);
          resolve();
        };
        response.once("drain", done);
        response.once("close", done);
      });
    },
    end() {
      if (!open) return;
      response.end();
      close();
    },
    get open() {
      return open;
    },
  };
}
