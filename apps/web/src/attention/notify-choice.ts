/** Whether this browser tells a person who does not look at the page. Off until somebody turns it on. */
import { useSyncExternalStore } from "react";

const KEY = "hive.notify";
const listeners = new Set<() => void>();

/** `impossible`: the page did not come over TLS or from this machine, or the browser has no notifications. */
export type NotifyState = "impossible" | "refused" | "off" | "on";

export function notifyState(): NotifyState {
  if (!globalThis.isSecureContext || !("Notification" in globalThis)) return "impossible";
  if (Notification.permission === "denied") return "refused";
  return localStorage.getItem(KEY) === "on" && Notification.permission === "granted" ? "on" : "off";
}

/** Asks the browser, which asks the person. Call it from a click. */
export async function turnNotificationsOn(): Promise<NotifyState> {
  if (notifyState() !== "impossible" && (await Notification.requestPermission()) === "granted")
    localStorage.setItem(KEY, "on");
  changed();
  return notifyState();
}

export function turnNotificationsOff(): void {
  localStorage.removeItem(KEY);
  changed();
}

export function useNotifyState(): NotifyState {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    addEventListener("storage", listener);
    return () => {
      listeners.delete(listener);
      removeEventListener("storage", listener);
    };
  }, notifyState);
}

function changed(): void {
  for (const listener of listeners) listener();
}
