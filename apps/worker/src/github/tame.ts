/**
 * Outside text on its way to a page of GitHub: an agent's summary must not call people by @name, hide text in comments
 * or load images from elsewhere ("fixes #1" still links, but only a merge by a person closes).
 */

/** Markdown without what acts on people or hides from them. */
export function tame(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[\p{Cf}\u0000-\u0008\u000b-\u001f\u007f]/gu, "")
    .replace(/<!--[\s\S]*?(?:-->|$)/g, "")
    .replace(/!\[/g, "[")
    .replace(/</g, "&lt;")
    .replace(/@(?=[A-Za-z0-9])/g, "@\u200b")
    .trim();
}

/** A word or name that Markdown shall show as it is. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]()<>#]/g, "\\$&");
}

/** One printable line of at most `most` characters; never empty. */
export function cleanLine(text: string, most: number): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  if (line === "") return "Work by Hive";
  return line.length > most ? `${line.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : line;
}
