/** The entries of this browser's storage that are Hive's, whichever part of the pages wrote them. */
import { useMemo, useSyncExternalStore } from "react";

const PREFIX = "hive.";

type Entry = readonly [key: string, text: string];

/** All of them, by their keys. */
export function useKeptEntries(): readonly Entry[] {
  const text = useSyncExternalStore(onChange, snapshot);
  return useMemo(() => JSON.parse(text) as readonly Entry[], [text]);
}

/** Takes them away. */
export function forget(keys: readonly string[]): void {
  for (const key of keys) localStorage.removeItem(key);
  announce();
}

/** Keeps one again. */
export function putBack(key: string, text: string): void {
  localStorage.setItem(key, text);
  announce();
}

/** Browsers tell the other tabs alone; who keeps something listens for just that. */
function announce(): void {
  dispatchEvent(new StorageEvent("storage", { storageArea: localStorage }));
}

function snapshot(): string {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  return JSON.stringify(keys.sort().map((key) => [key, localStorage.getItem(key) ?? ""]));
}

function onChange(listener: () => void): () => void {
  addEventListener("storage", listener);
  // What other parts of this page write is told to nobody.
  const timer = setInterval(listener, 2_000);
  return () => {
    removeEventListener("storage", listener);
    clearInterval(timer);
  };
}
