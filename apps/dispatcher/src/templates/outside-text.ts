/**
 * Text from outside on its way into an agent's instructions. It gets there in two ways only: as one short plain line, or
 * quoted between fences that carry a word nobody outside can know. Neither keeps an agent from being talked into
 * something; what keeps harm away is what its job may reach and publish (docs/AUTH.md, "Text from outside"). They keep
 * what strangers wrote recognisable as what strangers wrote, for the agent and for whoever reads along.
 */

import { cleanLine, cleanText, cutLine, cutText } from "../sources/clean-text.ts";

/** Characters of one line. */
export const LINE_MAX = 200;
/** Bytes of a quoted text, as UTF-8. */
const EXCERPT_MAX = 8_192;

/** Anything long that looks like a fence, however its dashes are drawn: ours, and those of other tools and of keys. */
const LOOK_ALIKES =
  /(?<![-_=])[-_=\u2010-\u2015\u2212\u2500-\u2503\ufe58\ufe63\uff0d][-_=\u2010-\u2015\u2212\u2500-\u2503\ufe58\ufe63\uff0d\t\p{Zs}]+(?=(?:BEGIN|END)\b)/giu;

/** One line, for a place inside a sentence of the operator's: at most 200 characters, no markup, no quoting of code. */
export function plainLine(text: string, nonce: string): string {
  return cutLine(defused(cleanLine(text), nonce).replace(/[`<>]/g, "'"), LINE_MAX);
}

/**
 * The text between fences, cleaned and at most 8 KiB, with a mark where it was cut.
 * @param nonce a word made for this one text; where the text has it, it is taken out
 */
export function fenced(name: string, text: string, nonce: string): string {
  const shown = cutText(defused(cleanText(text), nonce), EXCERPT_MAX);
  return `-----BEGIN ${name} ${nonce}-----\n${shown}\n-----END ${name} ${nonce}-----`;
}

/** Without the word of the fences, and without anything that looks like one. */
function defused(text: string, nonce: string): string {
  let left = text;
  // Once may uncover another one.
  while (left.includes(nonce)) left = left.replaceAll(nonce, "");
  return left.replace(LOOK_ALIKES, "");
}
