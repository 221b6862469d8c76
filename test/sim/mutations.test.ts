import { afterAll, beforeAll, expect, test } from "vitest";
import { type Copy, copySources } from "./mutated-copy.ts";
import { MUTATIONS } from "./mutations.ts";

let copy: Copy;
const green = new Map<string, ReturnType<Copy["run"]>>();

beforeAll(async () => {
  copy = await copySources();
});
afterAll(() => copy.dispose());

test.each(MUTATIONS.map((mutation) => [mutation.name, mutation.scenario, mutation] as const))(
  "%s: turns the scenario %s red",
  async (_name, scenario, mutation) => {
    const seeds = Math.max(...MUTATIONS.filter((one) => one.scenario === scenario).map((one) => one.seeds));
    if (!green.has(scenario)) green.set(scenario, copy.run(scenario, Math.min(seeds, 15)));
    const before = await green.get(scenario);
    expect(before?.output).toMatch(/broken 0\n$/);
    expect(before?.code).toBe(0);
    const after = await copy.with(mutation, () => copy.run(scenario, mutation.seeds));
    expect(after.output).toMatch(mutation.promise);
    expect(after.code).toBe(1);
  },
);

test("a mutation whose source text is gone fails loudly", async () => {
  const [first] = MUTATIONS;
  if (first === undefined) throw new Error("no mutations");
  await expect(
    copy.with({ ...first, edits: [["text that nobody wrote", ""]] }, () => Promise.resolve()),
  ).rejects.toThrow("write it anew");
});
