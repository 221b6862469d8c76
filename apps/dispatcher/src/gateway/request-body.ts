/** Reads requests' bodies whole, within bounds for one request and for all of them together. */
import type { IncomingMessage } from "node:http";

export type BodyRead =
  | { readonly kind: "body"; readonly bytes: Buffer }
  | { readonly kind: "too_large" }
  /** Others fill the memory there is for requests. */
  | { readonly kind: "no_room" }
  /** The client went away, or nobody wants the body any more. */
  | { readonly kind: "gone" };

export interface Body {
  /** Never rejects. */
  readonly read: Promise<BodyRead>;
  /** Its bytes are not needed any more; what still comes is dropped. Safe to call twice. */
  done(): void;
}

/** Counts the bytes of requests that are held at once. */
export class BodyRoom {
  readonly #most: number;
  #held = 0;

  /** `most`: bytes of all requests together. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Reads a body of at most `most` bytes; they count until `done` is called. */
  take(request: IncomingMessage, most: number): Body {
    let chunks: Buffer[] = [];
    let size = 0;
    let over = false;
    const { promise, resolve } = Promise.withResolvers<BodyRead>();
    const done = () => {
      over = true;
      this.#held -= size;
      size = 0;
      chunks = [];
      resolve({ kind: "gone" });
    };
    const refuse = (kind: "too_large" | "no_room") => {
      resolve({ kind });
      done();
    };
    request.on("data", (chunk: Buffer) => {
      // What comes after a refusal is read and dropped, so that the answer can be heard.
      if (over) {
        return;
      }
      size += chunk.byteLength;
      this.#held += chunk.byteLength;
      chunks.push(chunk);
      if (size > most) {
        refuse("too_large");
      } else if (this.#held > this.#most) {
        refuse("no_room");
      }
    });
    request.once("end", () => resolve({ kind: "body", bytes: Buffer.concat(chunks) }));
    request.once("close", () => resolve({ kind: "gone" }));
    return { read: promise, done };
  }
}
