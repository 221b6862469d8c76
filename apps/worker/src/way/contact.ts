/**
 * The time of a file tells when the server last answered this worker: what a container's health check looks at. A
 * worker that runs and reaches nobody is not healthy.
 */

import { open } from "node:fs/promises";

/** Milliseconds between two touches: calls may be many, and a health check counts seconds. */
const TOUCH_MS = 1_000;

export interface ContactOptions {
  /** Made if missing; its folder must exist. */
  readonly file: string;
  readonly mono: () => number;
  /** Told once when the file cannot be touched. */
  readonly warn: (message: string) => void;
}

/** A `fetch` that touches the file whenever the server answered a call; an answer that says "no server here" is none. */
export function noteContact(fetch: typeof globalThis.fetch, options: ContactOptions): typeof globalThis.fetch {
  let touchedAt = -Infinity;
  let warned = false;
  async function touch(): Promise<void> {
    try {
      const file = await open(options.file, "a", 0o600);
      try {
        const now = new Date();
        await file.utimes(now, now);
      } finally {
        await file.close();
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!warned) options.warn(`${options.file} cannot be touched: ${why}`);
      warned = true;
    }
  }
  return async (input, init) => {
    const response = await fetch(input, init);
    // What stands between us and the server answers 502 and 504 when there is none.
    if (response.status < 500 && options.mono() - touchedAt >= TOUCH_MS) {
      touchedAt = options.mono();
      await touch();
    }
    return response;
  };
}
