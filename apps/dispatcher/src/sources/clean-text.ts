/**
 * Text from outside, made fit to be shown: without control characters, terminal escapes and everything that is there and
 * not seen (zero-width and bidirectional marks, tag characters), which hides orders from the people who approve them.
 */

/** Escape sequences of terminals: CSI, OSC with its end, and the short ones. */
const ANSI = /[\u001b\u009b](?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[0-?]*[ -/]*[@-~])/g;
/**
 * Format characters (Cf: zero-width, bidirectional, tags, soft hyphen), control characters but tab and line feed, and what
 * is shown as nothing (fillers, variation selectors) but the two selectors that emoji use.
 */
const INVISIBLE = /(?![\t\n]|\ufe0e|\ufe0f)[\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}]/gu;

/** Several lines: line ends become `\n`, halves of surrogate pairs U+FFFD. */
export function cleanText(text: string): string {
  return text
    .toWellFormed()
    .replace(ANSI, "")
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(INVISIBLE, "");
}

/** One line: every run of white space becomes a space. */
export function cleanLine(text: string): string {
  return cleanText(text).replace(/\s+/g, " ").trim();
}

/** At most so many characters, with an ellipsis where something was cut; never half a character. */
export function cutLine(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** At most so many bytes of UTF-8, with a mark that says how much is missing. */
export function cutText(text: string, maxBytes: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return text;
  const room = maxBytes - 48;
  // The end of a character that does not fit whole decodes as U+FFFD.
  const kept = Buffer.from(text)
    .subarray(0, room)
    .toString("utf8")
    .replace(/\ufffd$/, "");
  return `${kept}\n[… ${bytes - Buffer.byteLength(kept)} more bytes were cut]`;
}
