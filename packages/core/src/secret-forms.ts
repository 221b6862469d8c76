/**
 * The shapes in which one secret turns up in logs: as it is, and as base64, hex, URL or JSON text. Redaction looks for
 * all of them, because `git` writes a token as basic auth, `curl -v` URL-encodes it and an agent's event stream is JSON.
 */

const LONG_SECRET = 1_024;
const SEGMENT = 512;
const SHORTEST_LINE = 20;
const SHORTEST_ENCODED = 8;

const encoder = new TextEncoder();

/**
 * Every byte string to look for, for one secret. Secrets above 1 KiB (keys, certificates) are looked for in segments
 * and line by line, so that the redactor never has to hold back more than a few kilobytes.
 */
export function secretForms(secret: string): Uint8Array[] {
  const forms = new Map<string, Uint8Array>();
  const add = (form: string | Uint8Array): void => {
    const bytes = typeof form === "string" ? encoder.encode(form) : form;
    if (bytes.length > 0) forms.set(bytes.join(), bytes);
  };
  for (const part of partsOf(secret)) {
    const bytes = encoder.encode(part);
    add(bytes);
    for (const text of textForms(part)) add(text);
    const hex = toHex(bytes);
    add(hex);
    add(hex.toUpperCase());
    for (const text of base64Forms(bytes)) {
      add(text);
      add(text.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }
  return [...forms.values()];
}

/** The secret, its lines where it has several, and overlapping segments of all that is very long. */
function partsOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/);
  const whole = lines.length > 1 ? [secret, lines.join("\r\n"), lines.join("\n")] : [secret];
  const parts = [...whole, ...(lines.length > 1 ? lines.filter((line) => line.length >= SHORTEST_LINE) : [])];
  return parts.flatMap((part) => (part.length > LONG_SECRET ? segmentsOf(part) : [part]));
}

function segmentsOf(text: string): string[] {
  const segments: string[] = [];
  for (let start = 0; start + SEGMENT < text.length; start += SEGMENT)
    segments.push(text.slice(start, start + SEGMENT));
  segments.push(text.slice(-SEGMENT));
  return segments;
}

function textForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const forms = [
    json,
    json.replaceAll("/", "\\/"),
    // Go and others also escape what could end a script element.
    json.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("&", "\\u0026"),
    JSON.stringify(json).slice(1, -1), // JSON inside JSON: a tool's result in an agent's event
  ];
  if (!text.isWellFormed()) return forms;
  const url = encodeURIComponent(text);
  const strict = url.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  for (const form of [url, strict, strict.replaceAll("%20", "+"), encodeURI(text)]) {
    forms.push(
      form,
      form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    );
  }
  return forms;
}

/**
 * The base64 characters that a byte string fixes, whatever stands around it: one text for each of the three places it
 * can take within a group of three bytes. "x-access-token:" and the secret is one of them.
 */
function base64Forms(bytes: Uint8Array): string[] {
  if (bytes.length < SHORTEST_ENCODED) return [];
  return [0, 1, 2].map((before) => {
    const padded = new Uint8Array(before + bytes.length);
    padded.set(bytes, before);
    const encoded = btoa(String.fromCharCode(...padded)).replaceAll("=", "");
    const open = (padded.length * 8) % 6 === 0 ? encoded.length : encoded.length - 1;
    return encoded.slice(Math.ceil((before * 8) / 6), open);
  });
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
