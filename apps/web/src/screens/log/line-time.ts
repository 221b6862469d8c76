/** A line's own time, where it begins with one that says its zone: shown in the zone of who reads. */

export interface LeadingTime {
  readonly at: number;
  readonly iso: string;
  /** As the program wrote it. */
  readonly said: string;
  /** In the viewer's zone, with as many digits of a second as the program gave, at most three. */
  readonly shown: string;
  /** Characters of the line that it stands for. */
  readonly length: number;
}

const TIME =
  /^\[?(?<date>\d{4}-\d\d-\d\d)[T ](?<clock>\d\d:\d\d:\d\d)(?:[.,](?<part>\d{1,9}))? ?(?<zone>Z|UTC|[+-]\d\d:?\d\d)\]?(?=\s|$)/;

/** Null: the line begins with none. */
export function leadingTime(line: string): LeadingTime | null {
  const match = TIME.exec(line.slice(0, 64));
  const { date = "", clock = "", part = "", zone = "" } = match?.groups ?? {};
  if (match === null) return null;
  const offset = /^[+-]/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(-2)}` : "Z";
  const at = Date.parse(`${date}T${clock}.${part.padEnd(3, "0").slice(0, 3)}${offset}`);
  if (Number.isNaN(at)) return null;
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString();
  const fraction = part === "" ? "" : local.slice(19, 20 + Math.min(3, part.length));
  return {
    at,
    iso: new Date(at).toISOString(),
    said: match[0],
    shown: `${local.slice(0, 10)} ${local.slice(11, 19)}${fraction}`,
    length: match[0].length,
  };
}
