/** Parses what scripts answer: our own scripts wrote it, but over a network and out of a foreign program. */

import { StoreCorrupt } from "../contract.ts";

/** A list of texts; numbers become texts. @throws StoreCorrupt for anything else */
export function textsIn(reply: unknown): string[] {
  if (!Array.isArray(reply)) throw unexpected(reply);
  return reply.map((each: unknown) => {
    if (typeof each === "string") return each;
    if (typeof each === "number") return String(each);
    throw unexpected(each);
  });
}

/** A list of texts and nulls. @throws StoreCorrupt for anything else */
export function maybeTextsIn(reply: unknown): (string | null)[] {
  if (!Array.isArray(reply)) throw unexpected(reply);
  return reply.map((each: unknown) => {
    if (each === null || typeof each === "string") return each;
    throw unexpected(each);
  });
}

/** Whole numbers out of texts; 0 for what is not there. @throws StoreCorrupt for a text that is none */
export function numbersIn(texts: readonly (string | null | undefined)[]): number[] {
  return texts.map((text) => {
    const value = Number(text ?? 0);
    if (!Number.isSafeInteger(value)) throw unexpected(text);
    return value;
  });
}

/** What HGETALL answers. @throws StoreCorrupt for anything else */
export function pairsIn(reply: unknown): (readonly [field: string, value: string])[] {
  if (typeof reply !== "object" || reply === null) throw unexpected(reply);
  // A map in RESP3, as node-redis gives it; a flat list from proxies that speak RESP2 only.
  if (!Array.isArray(reply)) return Object.entries(reply).map(([field, value]) => [field, String(value)]);
  const texts = textsIn(reply);
  return Array.from({ length: texts.length / 2 }, (_, i) => [texts[2 * i] ?? "", texts[2 * i + 1] ?? ""]);
}

/** What the script `LIST` answers. @throws StoreCorrupt for anything else */
export function pageIn(reply: unknown): {
  readonly ids: readonly string[];
  readonly texts: readonly (string | null)[];
  readonly more: boolean;
} {
  if (!Array.isArray(reply)) throw unexpected(reply);
  const [ids, texts, more] = reply;
  return { ids: textsIn(ids), texts: maybeTextsIn(texts), more: more === 1 };
}

function unexpected(reply: unknown): StoreCorrupt {
  return new StoreCorrupt(`Redis answered what Hive did not write there: ${JSON.stringify(reply)?.slice(0, 80)}`);
}
