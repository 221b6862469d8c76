/**
 * When this browser was last looked at. The moment moves on when the page is hidden or closed, after it was in view for
 * some minutes: a glance in passing does not count as having read it. All tabs of a browser share it.
 */
import { useSyncExternalStore } from "react";

export interface Look {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Nobody looked in this browser before: `since` is a day ago. */
  readonly isFirst: boolean;
  /** What the day of UTC had cost at that moment; null: not known. */
  readonly spent: Spent | null;
}

export interface Spent {
  readonly day: string;
  readonly usd: number;
}

const KEY = "hive.looked";
/** In view for so long, in milliseconds, it was looked at. */
const LOOKED_MS = 2 * 60_000;
const DAY_MS = 86_400_000;

const listeners = new Set<() => void>();
let look = stored();
let visibleSince: number | null = document.hidden ? null : Date.now();
let spentNow: Spent | null = null;

function stored(): Look {
  const text = localStorage.getItem(KEY);
  try {
    const { since, spent } = JSON.parse(text ?? "null") as { readonly since: number; readonly spent: Spent | null };
    // A clock that was put back would hide everything.
    if (Number.isFinite(since) && since <= Date.now()) return { since: Math.floor(since), isFirst: false, spent };
  } catch {
    // Never looked, or another program wrote there: as if nobody had looked.
  }
  return { since: Math.floor(Date.now()) - DAY_MS, isFirst: true, spent: null };
}

function show(next: Look): void {
  look = next;
  for (const listener of listeners) listener();
}

function keep(since: number, spent: Spent | null): void {
  localStorage.setItem(KEY, JSON.stringify({ since, spent }));
}

function leave(): void {
  if (visibleSince === null) return;
  const wasInView = Date.now() - visibleSince >= LOOKED_MS;
  visibleSince = null;
  if (wasInView) keep(Date.now(), spentNow);
}

function come(): void {
  visibleSince ??= Date.now();
  show(stored());
}

/** Begins to keep the moment; call once. */
export function startLastLook(): void {
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : come()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (event.persisted) come();
  });
}

/** Says what today has cost so far, so that the next look can tell what came after. */
export function noteSpent(spent: Spent | null): void {
  spentNow = spent;
}

/** All of it was seen: begins anew now. Gives what takes that back. */
export function markSeen(): () => void {
  const before = look;
  keep(Date.now(), spentNow);
  show(stored());
  return () => {
    if (before.isFirst) localStorage.removeItem(KEY);
    else keep(before.since, before.spent);
    show(before);
  };
}

/** The look before this one. */
export function useLastLook(): Look {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => look,
  );
}
