/**
 * What a line of output looks like: its text in pieces, each with its look. Colours are kept, everything else a terminal
 * would do (moving the cursor, erasing, titles, links) is left out. A program's colours are reduced to the eight of
 * `log.css`, which can be read on either ground: nothing hides by having the colour of what is behind it.
 */

export type Hue = "black" | "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "white";

export interface Look {
  readonly hue: Hue | null;
  readonly ground: Hue | null;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly struck: boolean;
  readonly inverse: boolean;
}

export interface Piece {
  readonly text: string;
  readonly look: Look;
  /** A sign that has no look of its own, or would change the order of others, written out. */
  readonly isSign?: true;
}

const HUES: readonly Hue[] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
export const PLAIN: Look = {
  hue: null,
  ground: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  struck: false,
  inverse: false,
};
/** More pieces than this in one line are a bomb and not a picture: the rest of it is shown in one. */
const MOST_PIECES = 400;
/** CSI, OSC and their like with an end, then the short ones. Each part is bounded: no line makes it walk back far. */
const ESCAPES = [
  String.raw`\u001b\[(?<csi>[0-?]{0,64})[ -/]{0,4}(?<end>[@-~])`,
  String.raw`\u001b[\]PX^_][^\u0007\u001b]{0,2048}(?:\u0007|\u001b\\)`,
  String.raw`\u001b[ -/]{1,2}[0-~]`,
  String.raw`\u001b[0-Z\\^-~]`,
];
const ESCAPE = new RegExp(ESCAPES.join("|"), "g");
/** Control characters (not the tab), and what changes the direction of text. */
const SIGN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** The line as a terminal leaves it: what a carriage return wrote over is gone. */
export function settled(line: string): string {
  if (!line.includes("\r")) return line;
  const parts = line.split("\r");
  return parts.findLast((part) => part !== "") ?? "";
}

/** The text of a line without escapes: what is searched and copied. */
export function plainText(line: string): string {
  const shown = settled(line);
  return shown.includes("\u001b") ? shown.replace(ESCAPE, "") : shown;
}

/** The pieces of a line. */
export function piecesOf(line: string): readonly Piece[] {
  const shown = settled(line);
  const pieces: Piece[] = [];
  let look = PLAIN;
  let at = 0;
  for (const match of shown.matchAll(ESCAPE)) {
    if (pieces.length >= MOST_PIECES) break;
    addText(pieces, shown.slice(at, match.index), look);
    at = match.index + match[0].length;
    if (match.groups?.["end"] === "m") look = nextLook(look, match.groups["csi"] ?? "");
  }
  const rest = shown.slice(at);
  addText(pieces, pieces.length >= MOST_PIECES ? rest.replace(ESCAPE, "") : rest, look);
  return pieces;
}

function addText(pieces: Piece[], text: string, look: Look): void {
  if (text === "") return;
  let at = 0;
  for (const match of text.matchAll(SIGN)) {
    if (pieces.length >= MOST_PIECES) break;
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), look });
    pieces.push({ text: signName(match[0]), look, isSign: true });
    at = match.index + 1;
  }
  const rest = text.slice(at);
  // In a line of nothing but signs the last ones share a piece.
  if (rest !== "") pieces.push({ text: rest.replace(SIGN, signName), look });
}

/** Such as `␀` or `[U+202E]`. */
function signName(sign: string): string {
  const code = sign.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** What `ESC [ … m` makes of a look. Unknown numbers change nothing. */
function nextLook(before: Look, codes: string): Look {
  let look: Look = before;
  const all = codes.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  for (let at = 0; at < all.length; at += 1) {
    const code = all[at] ?? 0;
    if (code === 38 || code === 48) {
      const [hue, used] = extendedHue(all, at + 1, codes.includes(":"));
      look = code === 38 ? { ...look, hue } : { ...look, ground: hue };
      at += used;
    } else look = withCode(look, code);
  }
  return look;
}

function withCode(look: Look, code: number): Look {
  if (code >= 30 && code <= 37) return { ...look, hue: HUES[code - 30] ?? null };
  if (code >= 90 && code <= 97) return { ...look, hue: code === 90 ? "black" : (HUES[code - 90] ?? null) };
  if (code >= 40 && code <= 47) return { ...look, ground: HUES[code - 40] ?? null };
  if (code >= 100 && code <= 107) return { ...look, ground: HUES[code - 100] ?? null };
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...look, bold: true };
    case 2:
      return { ...look, dim: true };
    case 3:
      return { ...look, italic: true };
    case 4:
      return { ...look, underline: true };
    case 7:
      return { ...look, inverse: true };
    case 9:
      return { ...look, struck: true };
    case 22:
      return { ...look, bold: false, dim: false };
    case 23:
      return { ...look, italic: false };
    case 24:
      return { ...look, underline: false };
    case 27:
      return { ...look, inverse: false };
    case 29:
      return { ...look, struck: false };
    case 39:
      return { ...look, hue: null };
    case 49:
      return { ...look, ground: null };
    default:
      return look;
  }
}

/** The hue nearest to `5;N` or `2;R;G;B` that begin at `at`, and how many numbers they take. */
function extendedHue(all: readonly number[], at: number, hasSpace: boolean): readonly [Hue | null, number] {
  const kind = all[at];
  if (kind === 5) return [hueOfIndex(all[at + 1] ?? 0), 2];
  if (kind !== 2) return [null, 1];
  // With colons a colour space stands in between, mostly empty.
  const first = hasSpace && all.length - at > 4 ? at + 2 : at + 1;
  return [hueOf(all[first] ?? 0, all[first + 1] ?? 0, all[first + 2] ?? 0), first + 2 - at + 1];
}

function hueOfIndex(index: number): Hue | null {
  if (index < 16) return HUES[index % 8] ?? null;
  if (index >= 232) return index < 244 ? "black" : "white";
  const cube = index - 16;
  const level = (part: number): number => (part === 0 ? 0 : 55 + part * 40);
  return hueOf(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function hueOf(red: number, green: number, blue: number): Hue {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  if (most - least < 40) return most < 128 ? "black" : "white";
  const half = (most + least) / 2;
  const bits = (red > half ? 1 : 0) + (green > half ? 2 : 0) + (blue > half ? 4 : 0);
  return HUES[bits] ?? "white";
}
