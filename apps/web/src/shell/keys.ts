/**
 * Keys without a modifier, for who works without a mouse. One listener for the page; a screen adds its own while it is
 * shown, and the list behind `?` shows what counts at the moment. Nothing fires while somebody types.
 */
import { useEffect, useEffectEvent, useSyncExternalStore } from "react";

export interface Key {
  /** What is pressed: one character, or two in a row with a blank between, such as `g j`. */
  readonly keys: string;
  readonly about: string;
  /** In the list. Default: "This screen". */
  readonly group?: string;
  readonly run: () => void;
}

/** Between the two of a pair, in milliseconds. */
const PAIR_MS = 1_200;

let known: readonly Key[] = [];
const listeners = new Set<() => void>();

function change(next: readonly Key[]): void {
  known = next;
  for (const listener of listeners) listener();
}

/** These count while the component is there; of two with the same keys the later one does. */
export function useKeys(keys: readonly Key[]): void {
  const run = useEffectEvent((at: number) => keys[at]?.run());
  const said = keys.map((key) => `${key.keys}\t${key.about}\t${key.group ?? ""}`).join("\n");
  useEffect(() => {
    const mine = said
      .split("\n")
      .filter((line) => line !== "")
      .map((line, at): Key => {
        const [pressed = "", about = "", group = ""] = line.split("\t");
        return { keys: pressed, about, ...(group === "" ? {} : { group }), run: () => run(at) };
      });
    change([...known, ...mine]);
    return () => change(known.filter((key) => !mine.includes(key)));
  }, [said]);
}

/** What counts now. */
export function useKnownKeys(): readonly Key[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => known,
  );
}

/** Begins to listen; call once. */
export function startKeys(): void {
  let first: { readonly key: string; readonly at: number; readonly hasRun: boolean } | null = null;
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    // What has the focus does by itself what it is for.
    if (event.key === "Enter" && isButtonOrLink(event)) return;
    const pair = first !== null && event.timeStamp - first.at < PAIR_MS ? `${first.key} ${event.key}` : null;
    const both = pair === null ? undefined : last(pair);
    const alone = last(event.key);
    // Where the first key did something by itself, a screen's own second key does too, and only the others make pairs.
    const found = first?.hasRun === true && alone !== undefined && alone.group === undefined ? alone : (both ?? alone);
    first =
      event.key.length === 1 && (both === undefined || found !== both)
        ? { key: event.key, at: event.timeStamp, hasRun: found !== undefined }
        : null;
    if (found === undefined) return;
    event.preventDefault();
    found.run();
  });
}

/** A screen's own key goes before one that counts everywhere, whichever came first. */
function last(keys: string): Key | undefined {
  const fits = known.filter((key) => key.keys === keys);
  return fits.findLast(({ group }) => group === undefined) ?? fits.at(-1);
}

function isButtonOrLink(event: KeyboardEvent): boolean {
  return (event.target as HTMLElement | null)?.closest("a, button, summary, [role=button]") != null;
}

/** Boxes to tick are not typed in. */
const TYPED_IN = 'input:not([type="checkbox"], [type="radio"]), textarea, select, [contenteditable="true"]';

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  if (target === null) return false;
  if (target.closest(TYPED_IN) !== null) return true;
  // A dialog and a menu have the keyboard for themselves; a toast, which calls itself a dialog too, has not.
  return (
    document.querySelector(':is([role="dialog"], [role="alertdialog"], [role="menu"]):not([aria-modal="false"])') !==
    null
  );
}
