import { expect, test } from "vitest";
import { stuckSchema } from "./stuck-settings.ts";

test("an operator who says nothing, or a part, gets the rest by default", () => {
  expect(stuckSchema.parse({})).toEqual({ silentSeconds: 900, repeats: 8, turns: 100 });
  expect(stuckSchema.parse({ silentSeconds: 1_800 })).toMatchObject({ silentSeconds: 1_800, repeats: 8 });
});

test("0 is never; once is no repetition", () => {
  expect(stuckSchema.parse({ repeats: 0, turns: 0 })).toMatchObject({ repeats: 0, turns: 0 });
  expect(stuckSchema.safeParse({ repeats: 1 }).error?.issues[0]?.message).toBe("must be 0 (never) or at least 2");
  for (const wrong of [{ repeats: -2 }, { silentSeconds: 0 }, { turns: 1.5 }, { silence: 5 }]) {
    expect(stuckSchema.safeParse(wrong).success).toBe(false);
  }
});
