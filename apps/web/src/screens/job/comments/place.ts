/** Where in a diff a comment belongs, as words an agent understands and the page finds again. */

export interface Place {
  readonly path: string;
  /** The line in the new file, or where it is gone in the old one. */
  readonly line: number;
  readonly side: "new" | "old";
  /** The line as it is in the diff, with its sign. */
  readonly quote: string;
}

const QUOTED = 400;

/** The same for the same line of the same text: after another attempt the number alone may mean another line. */
export function keyOf({ path, line, side, quote }: Place): string {
  return JSON.stringify([path, line, side, quote.slice(0, QUOTED)]);
}

/** The comment with its place in front. */
export function quoting({ path, line, side, quote }: Place, text: string): string {
  const shown = quote.length > QUOTED ? `${quote.slice(0, QUOTED)}…` : quote;
  return `${path}:${line}${side === "old" ? " (before the change)" : ""}\n> ${shown}\n\n${text}`;
}

/** The place in front of a comment, and what is said about it; the place is null where the comment is on the whole. */
export function placeOf(comment: string): { readonly place: Place | null; readonly text: string } {
  const [, path = "", line = "", old = "", quote = "", text = ""] =
    /^([^\n]+):(\d{1,9})( \(before the change\))?\n> ([^\n]*)\n\n([^]*)$/.exec(comment) ?? [];
  if (path === "") return { place: null, text: comment };
  return { place: { path, line: Number(line), side: old === "" ? "new" : "old", quote }, text };
}
