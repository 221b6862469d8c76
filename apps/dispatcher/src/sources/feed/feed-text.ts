/** The bytes of a feed as text, and its markup as words. */

/** The characters of a name of an encoding, as XML and MIME have it. */
const ENCODING = "[A-Za-z0-9._-]{1,40}";

/**
 * The text of a feed's bytes. The encoding is what a byte order mark, the answer's `content-type` or the XML declaration
 * says, in this order; else UTF-8. Bytes that fit nothing become replacement characters.
 */
export function decodeFeed(body: Buffer, contentType: string | null): string {
  const told = new RegExp(`charset\\s*=\\s*"?(${ENCODING})`, "i").exec(contentType ?? "")?.[1];
  const declared = new RegExp(`^<\\?xml[^>]{0,200}encoding\\s*=\\s*["'](${ENCODING})`, "i").exec(
    body.toString("latin1", 0, 300),
  )?.[1];
  const mark =
    body[0] === 0xff && body[1] === 0xfe ? "utf-16le" : body[0] === 0xfe && body[1] === 0xff ? "utf-16be" : "";
  for (const encoding of [mark, told ?? "", declared ?? ""]) {
    const decoder = decoderOf(encoding);
    if (decoder !== null) return decoder.decode(body);
  }
  return new TextDecoder().decode(body);
}

function decoderOf(encoding: string): TextDecoder | null {
  try {
    return encoding === "" ? null : new TextDecoder(encoding);
  } catch {
    return null; // A name nobody knows.
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Markup that is read, in characters; what is beyond is left out. A signal keeps less. */
const MAX_MARKUP = 64 * 1024;

/** What is taken out whole, with all that is in it. */
const HIDDEN = [
  ["<script", "</script"],
  ["<style", "</style"],
  ["<!--", "-->"],
] as const;

/** HTML as people read it: no tags, no scripts, lines where blocks end. Text without markup comes out as it went in. */
export function plainText(html: string): string {
  return HIDDEN.reduce((text, [open, close]) => without(text, open, close), html.slice(0, MAX_MARKUP))
    .replace(/<(?:br|\/p|\/div|\/li|\/tr|\/h[1-6]|\/pre|\/blockquote)\b[^<>]*>/gi, "\n")
    .replace(/<\/?[a-z][^<>]*>/gi, "")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,5}));/gi, (whole, decimal, hex, name) => {
      if (typeof name === "string") return NAMED[name.toLowerCase()] ?? whole;
      const point = typeof decimal === "string" ? Number(decimal) : Number.parseInt(String(hex), 16);
      return point > 0 && point <= 0x10_ffff ? String.fromCodePoint(point) : "";
    })
    .replace(/[ \t\r]+/g, " ")
    .replace(/ ?\n ?/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** Without what is between `open` and `close`. Looks at each character once, which no expression with two ends does. */
function without(text: string, open: string, close: string): string {
  const lower = text.toLowerCase();
  // Some letters are longer in lower case, and positions would be others.
  if (lower.length !== text.length || !lower.includes(open)) return text;
  let kept = "";
  let from = 0;
  for (;;) {
    const begin = lower.indexOf(open, from);
    if (begin === -1) return kept + text.slice(from);
    kept += text.slice(from, begin);
    const end = lower.indexOf(close, begin);
    if (end === -1) return kept;
    from = end + close.length;
    // An end tag may have spaces before its last character.
    if (close.startsWith("</")) from = lower.indexOf(">", from) + 1 || lower.length;
  }
}
