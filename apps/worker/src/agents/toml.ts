/** A value as TOML writes it on one line: Codex takes its settings so, as arguments. */

/** @throws TypeError for what TOML has no word for */
export function toTomlValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return String(value);
    case "number":
      if (Number.isSafeInteger(value)) return String(value);
      break;
    case "object":
      if (Array.isArray(value)) return `[${value.map(toTomlValue).join(",")}]`;
      if (value !== null) {
        const members = Object.entries(value).map(([key, member]) => `${quoted(key)}=${toTomlValue(member)}`);
        return `{${members.join(",")}}`;
      }
      break;
    default:
      break;
  }
  throw new TypeError(`TOML has no word for ${JSON.stringify(value)}`);
}

/** JSON's escapes are TOML's, but for DEL, which TOML wants escaped, and halves of surrogate pairs, which it has not. */
function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll("\u007f", "\\u007f");
}
