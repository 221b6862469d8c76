/** Signing in or out in one tab is heard by the others of this browser: the cookie is theirs too. */

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("hive.session") : null;

/** Tells the other tabs. */
export function tellSessionChanged(): void {
  channel?.postMessage(null);
}

/** Calls `listener` after another tab told. Returns how to take that back. */
export function onSessionChanged(listener: () => void): () => void {
  channel?.addEventListener("message", listener);
  return () => channel?.removeEventListener("message", listener);
}
