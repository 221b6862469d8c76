/** What this browser keeps for a person: settings and lists of their own, shared by its tabs. */
import { useCallback, useMemo, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
/** What could not be stored, for instance because the browser forbids it: kept until the page is closed. */
const onlyHere = new Map<string, string>();

function textOf(key: string): string | null {
  try {
    return onlyHere.get(key) ?? localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
    onlyHere.delete(key);
  } catch {
    onlyHere.set(key, text);
  }
  for (const listener of listeners) listener();
}

function onChange(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", listener);
  };
}

/**
 * A value by its key, and how to change it. `read` makes one of whatever is stored, also of nothing (`undefined`) or of
 * what another version wrote; it must be the same function each time.
 */
export function useKept<T>(key: string, read: (stored: unknown) => T): readonly [T, (next: T) => void] {
  const text = useSyncExternalStore(onChange, () => textOf(key));
  const value = useMemo(() => read(parsed(text)), [read, text]);
  return [value, useCallback((next: T) => keep(key, JSON.stringify(next)), [key])];
}

function parsed(text: string | null): unknown {
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
