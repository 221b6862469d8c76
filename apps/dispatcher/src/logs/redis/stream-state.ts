/** What Redis knows of one attempt's log besides its bytes, as the text it lies there as. */

import { crc32 } from "node:zlib";
import { StoreCorrupt } from "../../store/contract.ts";

export interface StreamState {
  /** Bytes the attempt said: `committed`. */
  readonly bytes: number;
  /** CRC-32 of all of them, also of those no longer here. */
  readonly crc32: number;
  readonly sealed: boolean;
  /** The beginning of the log goes from 0 up to here. */
  readonly head: number;
  /** CRC-32 of that beginning. */
  readonly headCrc32: number;
  /** Its end goes on from here; as `head` when nothing is missing. */
  readonly tail: number;
}

export const NO_STREAM: StreamState = { bytes: 0, crc32: 0, sealed: false, head: 0, headCrc32: 0, tail: 0 };

/** The fields as Lua joins them with blanks; `tail` is the last, for only the script knows it. */
export function formatState({ bytes, crc32, sealed, head, headCrc32, tail }: StreamState): string {
  return [bytes, crc32, sealed ? 1 : 0, head, headCrc32, tail].join(" ");
}

/** @throws StoreCorrupt for a text that is none */
export function parseState(text: string): StreamState {
  const numbers = /^\d+ \d+ [01] \d+ \d+ \d+$/.test(text) ? text.split(" ").map(Number) : [];
  const [bytes, crc32, sealed, head, headCrc32, tail] = numbers;
  if (bytes === undefined || crc32 === undefined || head === undefined || headCrc32 === undefined || tail === undefined)
    throw new StoreCorrupt(`a log's state in Redis is not what was written: ${JSON.stringify(text.slice(0, 80))}`);
  return { bytes, crc32, sealed: sealed === 1, head, headCrc32, tail };
}

/**
 * The state with these bytes more. The beginning grows until it has `half` of what is kept, and never again.
 */
export function extended(state: StreamState, added: Uint8Array, half: number): StreamState {
  const bytes = state.bytes + added.length;
  const isOpen = state.head === state.bytes;
  const head = isOpen ? Math.max(state.head, Math.min(half, bytes)) : state.head;
  const atHead = added.subarray(0, head - state.head);
  return { ...state, bytes, crc32: crc32(added, state.crc32), head, headCrc32: crc32(atHead, state.headCrc32) };
}
