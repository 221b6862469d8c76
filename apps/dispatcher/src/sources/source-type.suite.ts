/** What every type of source must do, as tests. Each type's own test file calls `sourceTypeSuite`. */

import { describe, expect, it } from "vitest";
import type { Occurrence, PollTools } from "./contract.ts";
import type { AnySourceType, ConfiguredType } from "./configured-type.ts";
import { judge } from "./make-signal.ts";

/** A delivery to a type that is told by others. */
export interface SuiteDelivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** What the suite needs to know of a type. */
export interface SuiteHarness {
  readonly type: AnySourceType;
  /** Its own settings, such as an operator would write them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The value of every secret its settings name. Default: `suite-secret`. */
  readonly secret?: string;
  /** For types with a hook: a delivery that is well signed and holds at least one occurrence. */
  readonly delivery?: SuiteDelivery;
  /**
   * For types with a hook: changes of that delivery that must be refused, by what was done. Default: its body with one
   * byte changed, and none of its headers. `[]` for settings without a check.
   */
  readonly refused?: readonly (readonly [what: string, delivery: SuiteDelivery])[];
  /** What it may ask of others while it reads a delivery. Default: nothing. */
  readonly fetch?: PollTools["fetch"];
}

/** The instant of the suite's deliveries: sign with it where a timestamp is checked. */
export const SUITE_NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

/** Runs the suite for one type. */
export function sourceTypeSuite(harness: SuiteHarness): void {
  const { type, settings, delivery } = harness;
  const secret = (): string => harness.secret ?? "suite-secret";

  function configured(): ConfiguredType {
    const result = type.configure(settings);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result.type;
  }

  const tools: PollTools = {
    now: SUITE_NOW,
    fetch: harness.fetch ?? (() => Promise.reject(new Error("nothing may be asked in this test"))),
    secret,
    signal: new AbortController().signal,
  };

  describe(`source type ${type.name}`, () => {
    it("takes its settings, says how it is fed, and names its fields", () => {
      const { name, hook, polling, fields } = configured();
      expect(name).toBe(type.name);
      expect(hook !== null || polling !== null).toBe(true);
      for (const field of [...fields.texts, ...fields.maps]) expect(field).toMatch(/^[A-Za-z_]\w*$/);
    });

    it("refuses a setting that it does not know, and says which", () => {
      const result = type.configure({ ...settings, notASetting: 1 });
      expect(result.ok).toBe(false);
      if (!result.ok) expect(JSON.stringify(result.problems)).toContain("notASetting");
    });

    if (delivery === undefined) return;

    const hook = () => {
      const { hook: found } = configured();
      if (found === null) throw new Error("the suite was given a delivery for a type that has no hook");
      return found;
    };
    const requestOf = (one: SuiteDelivery) => ({
      headers: one.headers,
      body: Buffer.from(one.body),
      receivedAt: SUITE_NOW,
    });
    const kept = (one: SuiteDelivery) => ({
      ...requestOf(one),
      headers: Object.fromEntries(Object.entries(one.headers).filter(([name]) => hook().keptHeaders.includes(name))),
    });
    const read = async (one: SuiteDelivery): Promise<readonly Occurrence[]> => hook().read(kept(one), tools);

    it("takes a delivery of its sender", () => {
      expect(() => hook().verify(requestOf(delivery), secret)).not.toThrow();
    });

    const changed = Buffer.from(delivery.body);
    changed[changed.length - 2] = (changed[changed.length - 2] ?? 0) ^ 1;
    const refused = harness.refused ?? [
      ["one byte of the body is another", { ...delivery, body: changed }],
      ["there are no headers", { ...delivery, headers: {} }],
    ];
    for (const [what, bad] of refused) {
      it(`refuses a delivery when ${what}, and shows no secret`, () => {
        const error = thrownBy(() => hook().verify(requestOf(bad), secret));
        expect(error).toMatchObject({ code: "unauthorized" });
        expect(String(error)).not.toContain(secret());
      });
    }

    it("gives the same delivery the same id, and one that fits where ids go", () => {
      const id = hook().deliveryId(requestOf(delivery));
      expect(hook().deliveryId(requestOf(delivery))).toBe(id);
      if (id !== null) expect(id).toMatch(/^\S{1,128}$/);
    });

    it("reads occurrences with the headers it keeps, the same each time, under the fields it named", async () => {
      const occurrences = await read(delivery);
      expect(occurrences.length).toBeGreaterThan(0);
      expect(await read(delivery)).toEqual(occurrences);
      const { texts, maps } = configured().fields;
      for (const { title, identity, count, fields } of occurrences) {
        expect(title).not.toBe("");
        expect(identity.join("")).not.toBe("");
        expect(count).toBeGreaterThanOrEqual(1);
        for (const name of Object.keys(fields))
          expect(texts.includes(name) || maps.includes(name.split(".", 1)[0] ?? ""), name).toBe(true);
      }
    });

    it("makes signals of them that are within every limit", async () => {
      for (const occurrence of await read(delivery)) {
        const { signal } = judge(occurrence, { id: "suite", when: null, groupBy: null, severity: "error" }, SUITE_NOW);
        expect(signal?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
        expect(signal?.title.length).toBeLessThanOrEqual(200);
        expect(signal?.at).toBeLessThanOrEqual(SUITE_NOW);
      }
    });

    it.each([
      ["nothing", ""],
      ["no JSON", "{"],
      ["another shape", '{"some": ["other", 1]}'],
      ["a list", "[1, null, {}]"],
      ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x7b])],
      ["a very deep one", "[".repeat(100_000)],
    ])("a body that is %s ends in an error for people, or in no occurrence", async (_what, body) => {
      const occurrences = await read({ headers: delivery.headers, body }).catch((error: unknown) => {
        expect(error).toBeInstanceOf(Error);
        expect(String(error)).not.toMatch(/Cannot read properties|is not a function|is not iterable|Maximum call/);
        return [];
      });
      expect(occurrences).toEqual([]);
    });
  });
}

function thrownBy(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
}
