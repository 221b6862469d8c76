/**
 * Takes out of a log message what differs from one occurrence to the next (addresses, ids, sizes, times), so that two
 * lines of the same statement look the same. The masks run in order, from the most to the least particular. Each is
 * linear in the length of the text: lines come from strangers, and no line may be slow to read.
 */

/** What stands where something was that a mask or the tree takes for a variable. */
export const ANY = "<*>";

/** Characters of a message that are looked at; what is beyond them does not decide its group. */
export const MESSAGE_LOOKED_AT = 2_048;

/** In order; the first fits before the second is tried. */
const MASKS: readonly (readonly [RegExp, string])[] = [
  [/\u001b\[[0-9;?]{0,20}[A-Za-z]/g, ""],
  // A quoted value, with a limit: a lone quote must not swallow the rest of the line.
  [/"[^"\n]{0,400}"/g, ANY],
  [/(?<=^|[\s=:(,[])'[^'\n]{0,200}'(?=$|[\s),.;:\]])/g, ANY],
  [/\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s<>"'`)\]}]{1,1000}/gi, ANY],
  [/(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g, ANY],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, ANY],
  // Instants: 2026-11-23T20:15:00.123Z, 2026/11/23 20:15:00,123, Nov 23 20:15:00, 20:15:00.
  [/\b\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)?(?:Z|[+-]\d{2}:?\d{2}\b)?/g, ANY],
  [
    /\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d{1,2} \d{2}:\d{2}:\d{2}(?: (?:[A-Z]{3,4} )?\d{4})?/g,
    ANY,
  ],
  [/\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?\b/g, ANY],
  [/(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])/gi, ANY],
  [/(?<![\w:.])(?:[0-9a-f]{1,4}:){2,7}:?[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6}(?![\w:])/gi, ANY],
  [/(?<![\w.])\/?(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\d{1,5})?(?![\w.]*\w)/g, ANY],
  // A name with a port, or one of at least three parts: hosts.
  [/(?<![\w./-])(?:[a-z0-9_-]{1,63}\.){1,8}[a-z0-9-]{1,63}:\d{1,5}\b/gi, ANY],
  // Paths of at least two parts, from the root.
  [/(?<![\w<>./:-])(?:[A-Za-z]:)?(?:[\\/][\w.@%+~$-]{1,255}){2,64}[\\/]?/g, ANY],
  [/\b0x[0-9a-f]{1,64}\b/gi, ANY],
  // Ids: a word of hexadecimal digits with both kinds in it.
  [/\b(?=[a-f]{0,63}\d)(?=\d{0,63}[a-f])[0-9a-f]{6,64}\b/gi, ANY],
  // Sizes and durations with their unit, together or apart.
  [
    /(?<![\w.])[+-]?\d{1,18}(?:[.,]\d{1,9})? ?(?:ns|us|µs|ms|s|sec|secs|seconds?|m|min|minutes?|h|hours?|days?|[kKMGTP]i?B|[kKMGT]|B|bytes?|%)(?![\w%])/g,
    ANY,
  ],
  [/(?<![\w.])[+-]?\d{1,40}(?:[.,]\d{1,40}){0,8}(?![\w]|[.,]\d)/g, ANY],
];

/** Digits within a word, such as those of `task_200811101024_0001_m_000590`. */
const DIGITS_WITHIN = /\d+/g;
const MANY_ANY = /(?:<\*>[-_.:/]?){2,}/g;

/** The message without what differs from line to line; at most `MESSAGE_LOOKED_AT` characters of it. */
export function maskMessage(message: string): string {
  let masked = message.slice(0, MESSAGE_LOOKED_AT);
  for (const [pattern, by] of MASKS) masked = masked.replace(pattern, by);
  return masked.replace(DIGITS_WITHIN, ANY).replace(MANY_ANY, ANY);
}

/** Words that are compared with each other; a longer message is cut. */
export const WORDS_MAX = 128;

/** The words of a masked message. `key=value` and `a:b` are two words each: only one half of them varies. */
export function wordsOf(masked: string): string[] {
  const words: string[] = [];
  for (const word of masked.split(/[\s=:,;]+/)) {
    if (word === "") continue;
    words.push(word);
    if (words.length === WORDS_MAX) break;
  }
  return words;
}
