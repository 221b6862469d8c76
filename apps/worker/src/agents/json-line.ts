/**
 * Reading one line of an agent's JSON stream. The stream is outside data: nothing in it is where it should be until
 * that was looked at, so every access goes through here and answers "not there" instead of throwing.
 */

/** The object a line holds, or undefined for anything else. */
export function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The value as an object; an empty one where it is none. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

/** The value under a key. */
export function valueAt(fields: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** The text under a key, or null. */
export function textAt(fields: Record<string, unknown>, key: string): string | null {
  const value = valueAt(fields, key);
  return typeof value === "string" ? value : null;
}

/** The finite number under a key, or null. */
export function numberAt(fields: Record<string, unknown>, key: string): number | null {
  const value = valueAt(fields, key);
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
