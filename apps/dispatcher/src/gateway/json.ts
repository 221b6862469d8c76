/** JSON from outside, read without believing anything of it. */

export type Fields = Readonly<Record<string, unknown>>;

/** The value as an object; anything else, a list too, is an empty one. */
export function objectOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** The value as a list; anything else is an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What the text says, or null when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A number of tokens, or null when it is none. */
export function tokensOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** The value where it is text; anything else is none. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
