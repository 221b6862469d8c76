import { describe, expect, it } from "vitest";
import type { Occurrence } from "./contract.ts";
import { compileCondition } from "./condition.ts";
import { judge } from "./make-signal.ts";

const NOW = Date.UTC(2026, 10, 23);
const OCCURRENCE: Occurrence = {
  identity: ["a", "b"],
  title: "Disk full",
  text: "no space left",
  state: "event",
  episode: null,
  severity: null,
  at: NOW - 5,
  count: 1,
  note: false,
  link: null,
  fields: { host: "db1" },
};
const SETTINGS = { id: "alerts", when: null, groupBy: null, severity: "warning" } as const;

function signalOf(more: Partial<Occurrence>, settings: Partial<Parameters<typeof judge>[1]> = {}) {
  return judge({ ...OCCURRENCE, ...more }, { ...SETTINGS, ...settings }, NOW).signal;
}

describe("makeSignal", () => {
  it("nothing that hides itself gets through: escapes, control, zero-width, bidirectional, tags, half characters", () => {
    const hidden =
      "\u001b[31mred\u001b[0m \u001b]8;;http://x\u0007li\u200bnk \u202egnp\u202c \u{e0069}\u{e0067}a\u00adb\ud800 \u0000\u0008c\ufeff";
    const signal = signalOf({ title: hidden, text: `${hidden}\r\nsecond\u2028third`, fields: { a: hidden } });
    expect(signal?.title).toBe("red link gnp ab\ufffd c");
    expect(signal?.sample.text).toBe("red link gnp ab\ufffd c\nsecond\nthird");
    expect(signal?.sample.fields["a"]).toBe("red link gnp ab\ufffd c");
  });

  it("characters that nobody sees, such as the variation selectors that can spell words, are taken out", () => {
    const hidden = "a\ufe00\ufe0d\u{e0100}\u3164\u2065b";
    expect(signalOf({ text: hidden })?.sample.text).toBe("ab");
  });

  it("letters of every script, emoji and tabs stay as they are", () => {
    const text = "Überlauf\t日本語 עברית 🙂 👍🏽 é ❤\ufe0f ❤\ufe0e";
    expect(signalOf({ text })?.sample.text).toBe(text);
  });

  it("every text is cut at its limit, whole characters only, and says so", () => {
    const fields = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`field-${i}`, "x".repeat(2_000)]));
    const signal = signalOf({ title: "ü🙂".repeat(200), text: "🙂".repeat(5_000), fields });
    expect(signal?.title.length).toBeLessThanOrEqual(200);
    expect(signal?.title.isWellFormed()).toBe(true);
    expect(Buffer.byteLength(signal?.sample.text ?? "")).toBeLessThanOrEqual(8_192);
    expect(signal?.sample.text).toMatch(/🙂\n\[… \d+ more bytes were cut\]$/);
    expect(JSON.stringify(signal?.sample.fields).length).toBeLessThan(20_000);
    for (const value of Object.values(signal?.sample.fields ?? {})) expect(value.length).toBeLessThanOrEqual(1_024);
  });

  it("the fingerprint is the source and what was chosen, whatever else differs", () => {
    const first = signalOf({})?.fingerprint;
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(signalOf({ title: "other", text: "other", at: 1 })?.fingerprint).toBe(first);
    expect(signalOf({}, { id: "others" })?.fingerprint).not.toBe(first);
    expect(signalOf({ identity: ["ab"] })?.fingerprint).not.toBe(first);
    expect(signalOf({ identity: ["x"] }, { groupBy: ["host"] })?.fingerprint).toBe(
      signalOf({ identity: ["y"] }, { groupBy: ["host"] })?.fingerprint,
    );
  });

  it("links lead to the web or nowhere, and carry no password", () => {
    expect(signalOf({ link: "https://example.com/a?b=c" })?.sample.link).toBe("https://example.com/a?b=c");
    for (const link of [
      "javascript:alert(1)",
      "file:///etc/passwd",
      "https://u:p@example.com/",
      "https://u@example.com/",
      "nothing",
    ])
      expect(signalOf({ link })?.sample.link).toBeNull();
  });

  it("a sender's clock that is ahead is not believed", () => {
    expect(signalOf({ at: NOW + 60_000 })?.at).toBe(NOW);
    expect(signalOf({ at: NOW - 60_000 })?.at).toBe(NOW - 60_000);
    expect(signalOf({ at: null })?.at).toBe(NOW);
  });

  it("the severity is what the source says, else what hive.yaml says", () => {
    expect(signalOf({})?.severity).toBe("warning");
    expect(signalOf({ severity: "critical" })?.severity).toBe("critical");
  });

  it("one that the condition leaves out is no signal, and the reason is kept", () => {
    const compiled = compileCondition('host == "db2"', { texts: ["host"], maps: [] });
    if (!compiled.ok) throw new Error(compiled.message);
    const judged = judge(OCCURRENCE, { ...SETTINGS, when: compiled.condition }, NOW);
    expect([judged.signal, judged.why]).toEqual([null, 'when: host == "db2"']);
  });

  it("fields whose names mean something to JavaScript are only fields", () => {
    const fields = Object.fromEntries([
      ["__proto__", "polluted"],
      ["constructor", "x"],
    ]);
    const sample = signalOf({ fields })?.sample;
    expect(Object.entries(sample?.fields ?? {})).toEqual([
      ["__proto__", "polluted"],
      ["constructor", "x"],
    ]);
  });
});
