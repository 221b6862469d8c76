import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRedactor, redactText } from "./redact.ts";
import { secretForms } from "./secret-forms.ts";

const SECRET = 's3cr3t/Token+With=Signs&"quotes" and <angles>';

/** Runs a stream through a redactor, cut at the given places. */
function redactInPieces(input: Uint8Array, cuts: readonly number[], secrets: readonly string[]): Buffer {
  const redactor = createRedactor(secrets);
  const edges = [0, ...[...cuts].map((cut) => cut % (input.length + 1)).sort((a, b) => a - b), input.length];
  const out: Uint8Array[] = [];
  for (let index = 1; index < edges.length; index += 1) {
    out.push(Buffer.from(redactor.push(input.subarray(edges[index - 1], edges[index]))));
  }
  out.push(redactor.end());
  return Buffer.concat(out);
}

function redactBytes(input: Uint8Array, secrets: readonly string[]): Buffer {
  return redactInPieces(input, [], secrets);
}

describe("a secret is hidden", () => {
  const forms: Record<string, string> = {
    "as it is": SECRET,
    "as base64": Buffer.from(SECRET).toString("base64"),
    "as base64 one byte into a text": Buffer.from(`a${SECRET}`).toString("base64"),
    "as base64 two bytes into a text": Buffer.from(`ab${SECRET} and more`).toString("base64"),
    "as base64url": Buffer.from(SECRET).toString("base64url"),
    "as hex": Buffer.from(SECRET).toString("hex"),
    "as upper-case hex": Buffer.from(SECRET).toString("hex").toUpperCase(),
    "in a URL": encodeURIComponent(SECRET),
    "in a URL with small hex digits": encodeURIComponent(SECRET).replace(/%../g, (code) => code.toLowerCase()),
    "in a form": new URLSearchParams({ a: SECRET }).toString().slice(2),
    "in JSON": JSON.stringify({ a: SECRET }),
    "in JSON inside JSON": JSON.stringify({ a: JSON.stringify({ b: SECRET }) }),
    "as git's basic auth": Buffer.from(`x-access-token:${SECRET}`).toString("base64"),
  };
  for (const [name, text] of Object.entries(forms)) {
    test(name, () => {
      const shown = redactText(`before ${text} after`, [SECRET]);
      expect(shown).toMatch(/^before .*\[redacted\].* after$/);
      for (const form of secretForms(SECRET)) expect(shown).not.toContain(Buffer.from(form).toString());
      // What is left is the frame around it and the undetermined edges of base64.
      const left = shown.replace("before ", "").replace(" after", "").replace("[redacted]", "");
      expect(left.length).toBeLessThan(24);
    });
  }

  test("in each line of a secret that has several", () => {
    const key = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUabcdefgh\nZmFrZSBjZXJ0aWZpY2F0ZSBib2R5\n-----END";
    expect(redactText("log: MIIBszCCAVmgAwIBAgIUabcdefgh", [key])).toBe("log: [redacted]");
    expect(redactText(key.replaceAll("\n", "\r\n"), [key])).toBe("[redacted]");
  });

  test("however long it is", () => {
    const long = Array.from({ length: 6_000 }, (_, index) => ((index * 7919) % 36).toString(36)).join("");
    expect(redactText(`a ${long} b`, [long])).toBe("a [redacted] b");
  });
});

test("secrets that overlap are hidden together", () => {
  expect(redactText("xx abcdefghij yy", ["abcdefg", "defghij"])).toBe("xx [redacted] yy");
  expect(redactText("xx abcdefghij", ["abcdef", "abcdefghij"])).toBe("xx [redacted]");
});

test("an empty or very short secret blanks nothing out", () => {
  expect(redactText("a b c", ["", "a", "b c"])).toBe("a b c");
});

describe("what looks like a credential is hidden without being known", () => {
  const tail = "Ab1".repeat(20);
  const jwt = `eyJ${tail}.eyJ${tail}.${tail}-_`;
  const credentials: Record<string, string> = {
    "a GitHub personal token": `ghp_${tail.slice(0, 36)}`,
    "a GitHub installation token": `ghs_${tail.slice(0, 36)}`,
    "a GitHub installation token of the long kind": `ghs_${tail}.${tail}-${tail}_${tail}`,
    "a fine-grained GitHub token": `github_pat_${tail}_${tail}`,
    "an Anthropic key": `sk-ant-api03-${tail}-AA`,
    "an OpenAI key": `sk-proj-${tail}`,
    "an AWS key": "AKIAIOSFODNN7EXAMPLE",
    "a Slack token": "xoxb-1234567890-abcdefghij",
    "a webhook secret": `whsec_${Buffer.from(tail).toString("base64")}`,
    "a JSON Web Token": jwt,
    "a private key": `-----BEGIN OPENSSH PRIVATE KEY-----\n${tail}\n${tail}\n-----END OPENSSH PRIVATE KEY-----`,
  };
  for (const [name, credential] of Object.entries(credentials)) {
    test(name, () => {
      expect(redactText(`token=${credential} end`, [])).toBe("token=[redacted] end");
      expect(redactText(JSON.stringify(`a\n${credential}\n`), [])).toBe('"a\\n[redacted]\\n"');
    });
  }

  test("ordinary words that only begin alike stay", () => {
    const text = "task-list-of-a-very-long-name-that-goes-on-and-on sk-short ghp_short eyJhIn0 -----BEGIN x MAKIA";
    expect(redactText(text, [])).toBe(text);
    const everyByte = Array.from({ length: text.length }, (_, index) => index);
    expect(redactInPieces(Buffer.from(text), everyByte, []).toString()).toBe(text);
  });

  test("a private key that never ends hides 16 KiB and no more", () => {
    const shown = redactText(`-----BEGIN PRIVATE KEY-----${"\nx".repeat(20_000)}`, []);
    expect(shown.length).toBe("[redacted]".length + 40_000 - 16 * 1_024);
  });
});

test("bytes that are no text pass unchanged", () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
  expect(redactBytes(bytes, ["no such secret"]).equals(bytes)).toBe(true);
});

test("only what may still become a secret is held back", () => {
  const redactor = createRedactor(["topsecret"]);
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  expect(text(redactor.push("progress 10 %\nwaiting."))).toBe("progress 10 %\nwaiting.");
  expect(text(redactor.push(" top"))).toBe(" ");
  expect(text(redactor.push("ic"))).toBe("topic");
  expect(text(redactor.push(" topsecre"))).toBe(" ");
  expect(text(redactor.push("t!"))).toBe("[redacted]!");
  expect(text(redactor.push("tops"))).toBe("");
  expect(text(redactor.end())).toBe("tops");
  expect(redactor.hidden).toBe(1);
});

// Few letters, so that secrets overlap, repeat and begin within each other; none occurs in the marker.
const secretText = fc.string({
  unit: fc.constantFrom("A", "B", "-", "_", "G", "H", '"', "/", "é", "\n"),
  minLength: 6,
  maxLength: 24,
});
const noise = fc.oneof(
  fc.string({ unit: fc.constantFrom("A", "B", "-", "G", "H", " ", "\n"), maxLength: 12 }),
  fc.constantFrom("ghp_", "sk-ant-", "eyJ", "-----BEGIN PRIVATE KEY-----", "PRIVATE KEY-----", "\\n", ".eyJ"),
);

function stream(secrets: readonly string[]): fc.Arbitrary<Buffer> {
  const pick = fc.constantFrom(...secrets);
  const part = fc.oneof(
    noise.map((text) => Buffer.from(text)),
    pick.map((text) => Buffer.from(text)),
    fc.tuple(pick, fc.nat(24)).map(([text, end]) => Buffer.from(text).subarray(0, end)),
    pick.map((text) => Buffer.from(Buffer.from(text).toString("base64"))),
    pick.map((text) => Buffer.from(Buffer.from(text).toString("hex"))),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    fc
      .string({ unit: fc.constantFrom("a", "Z", "7", "_"), minLength: 20, maxLength: 60 })
      .map((text) => Buffer.from(text)),
  );
  return fc.array(part, { maxLength: 24 }).map((parts) => Buffer.concat(parts));
}

const world = fc
  .array(secretText, { minLength: 1, maxLength: 5 })
  .chain((secrets) => fc.tuple(fc.constant(secrets), stream(secrets), fc.array(fc.nat(), { maxLength: 30 })));

test("however a stream is cut, the output is the same as in one piece", () => {
  fc.assert(
    fc.property(world, ([secrets, input, cuts]) => {
      const whole = redactBytes(input, secrets);
      expect(redactInPieces(input, cuts, secrets).equals(whole)).toBe(true);
      const everyByte = Array.from({ length: input.length }, (_, index) => index);
      expect(redactInPieces(input, everyByte, secrets).equals(whole)).toBe(true);
    }),
    { numRuns: 400 },
  );
});

test("no form of a secret is ever in the output", () => {
  fc.assert(
    fc.property(world, ([secrets, input]) => {
      const shown = redactBytes(input, secrets);
      for (const form of secrets.flatMap(secretForms)) {
        if (form.length >= 6) expect(shown.includes(form)).toBe(false);
      }
    }),
    { numRuns: 400 },
  );
});

test("a stream without secrets comes out as it went in", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.array(fc.nat(), { maxLength: 9 }), (input, cuts) => {
      expect(redactInPieces(input, cuts, ["QQQQQQQQQQQQQQQQ"]).equals(input)).toBe(true);
    }),
  );
});
