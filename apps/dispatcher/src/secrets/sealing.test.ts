import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  generateSealingKey,
  needsReseal,
  open,
  parseKeyRing,
  reseal,
  seal,
  SealError,
  type Sealed,
} from "./sealing.ts";

const OLD = `old:${randomBytes(32).toString("base64")}`;
const NEW = `new:${randomBytes(32).toString("base64")}`;
const ring = parseKeyRing(OLD);
const context = { jobId: "demo-1", field: "githubToken" };

function reasonOf(act: () => unknown): string {
  try {
    act();
    return "opened";
  } catch (error) {
    return error instanceof SealError ? error.reason : String(error);
  }
}

test("what was sealed opens again, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 600 }), fc.string({ unit: "grapheme" }), (text, jobId) => {
      expect(open(ring, { jobId, field: "f" }, seal(ring, { jobId, field: "f" }, text))).toBe(text.toWellFormed());
    }),
  );
});

test("a sealed value shows nothing of its secret and never repeats", () => {
  const secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
  const [one, two] = [seal(ring, context, secret), seal(ring, context, secret)];
  expect(JSON.stringify(one)).not.toContain("ghp_");
  expect(one.ct).not.toBe(two.ct);
  expect(one.salt).not.toBe(two.salt);
});

test("a value moved to another job or field does not open", () => {
  const sealed = seal(ring, context, "secret");
  expect(reasonOf(() => open(ring, { ...context, jobId: "demo-2" }, sealed))).toBe("not_authentic");
  expect(reasonOf(() => open(ring, { ...context, field: "deployKey" }, sealed))).toBe("not_authentic");
  const shifted = { jobId: `demo-1","git`, field: "hubToken" };
  expect(reasonOf(() => open(ring, shifted, sealed))).toBe("not_authentic");
});

test("a value relabelled to another key of the same bytes does not open", () => {
  const bytes = OLD.slice(4);
  const twins = parseKeyRing(`one:${bytes},two:${bytes}`);
  const sealed = seal(twins, context, "secret");
  expect(reasonOf(() => open(twins, context, { ...sealed, kid: "two" }))).toBe("not_authentic");
});

test("a single changed bit anywhere is noticed", () => {
  const sealed = seal(ring, context, "secret");
  for (const part of ["ct", "salt"] as const) {
    const bytes = Buffer.from(sealed[part], "base64url");
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(reasonOf(() => open(ring, context, { ...sealed, [part]: changed.toString("base64url") }))).toBe(
        "not_authentic",
      );
    }
  }
});

test("a cut tag is refused, down to nothing", () => {
  const sealed = seal(ring, context, "secret");
  const bytes = Buffer.from(sealed.ct, "base64url");
  for (let kept = 0; kept < bytes.byteLength; kept += 1) {
    const cut: Sealed = { ...sealed, ct: bytes.subarray(0, kept).toString("base64url") };
    expect(reasonOf(() => open(ring, context, cut))).toBe("not_authentic");
  }
});

test("a value of a key that left the ring says which key to put back", () => {
  const sealed = seal(ring, context, "secret");
  expect(() => open(parseKeyRing(NEW), context, sealed)).toThrow(/needs the key "old".*HIVE_SEALING_KEYS/);
  expect(reasonOf(() => open(parseKeyRing(NEW), context, sealed))).toBe("unknown_key");
});

test("another key under the same id does not open the value", () => {
  const sealed = seal(ring, context, "secret");
  expect(reasonOf(() => open(parseKeyRing(`old:${NEW.slice(4)}`), context, sealed))).toBe("not_authentic");
});

test("what the store gave back is checked before it is used", () => {
  for (const stored of [null, undefined, "text", {}, { v: 2, kid: "old", salt: "", ct: "" }]) {
    expect(reasonOf(() => open(ring, context, stored))).toBe("malformed");
  }
});

test("rotation: old values open under the longer ring, and resealed ones do without the old key", () => {
  const sealed = seal(ring, context, "secret");
  const both = parseKeyRing(`${NEW},${OLD}`);
  expect(open(both, context, sealed)).toBe("secret");
  expect(needsReseal(both, sealed)).toBe(true);
  const moved = reseal(both, context, sealed);
  expect(moved.kid).toBe("new");
  expect(open(parseKeyRing(NEW), context, moved)).toBe("secret");
  expect(reseal(both, context, moved)).toBe(moved);
});

test("errors never carry the secret or a key", () => {
  const sealed = seal(ring, context, "hunter2");
  try {
    open(ring, { ...context, jobId: "x" }, sealed);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.stack : "";
    const text = `${String(error)}${cause}`;
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain(OLD.slice(4));
  }
});

test("a ring names every bad entry by its place and never shows a key", () => {
  const key = NEW.slice(4);
  const parse = () => parseKeyRing(`a:${key}, b:AAAA ,:${key},a:${key},c:${key}:x,d:***`);
  expect(parse).toThrow(
    /^HIVE_SEALING_KEYS: entry 2 \(b\) is not 32 bytes.*entry 3 is not kid:base64.*entry 4 \(a\) uses an id twice.*entry 5 is not.*entry 6 \(d\)/,
  );
  try {
    parse();
  } catch (error) {
    expect(String(error)).not.toContain(key);
  }
  expect(() => parseKeyRing("")).toThrow(/entry 1/);
});

test("a generated key is a ring by itself", () => {
  const generated = parseKeyRing(generateSealingKey());
  expect(open(generated, context, seal(generated, context, "secret"))).toBe("secret");
});
