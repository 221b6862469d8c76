import { describe, expect, it } from "vitest";
import { createAddressCheck } from "./address-checks.ts";
import { createGuard } from "./guard.ts";

function world(allowPrivate: string[] = []) {
  const asked: string[] = [];
  let now = 0;
  const guard = createGuard({
    allowPrivate,
    resolve: async (name) => {
      asked.push(name);
      return [{ address: name === "inside.example" ? "10.0.0.7" : "93.184.216.34", family: 4 }];
    },
  });
  return { asked, check: createAddressCheck(guard, () => now), pass: (ms: number) => (now += ms) };
}

describe("the check of a job's addresses", () => {
  it("refuses a repository whose name stands for a private address, and names the setting", async () => {
    const { check } = world();
    expect(await check("https://inside.example/a/b", "repository")).toContain("HIVE_ALLOW_PRIVATE_ADDRESSES");
    expect(await check("https://outside.example/a/b", "repository")).toBeNull();
  });

  it("takes plain http only from the networks the operator named", async () => {
    const { check } = world(["10.0.0.0/8"]);
    expect(await check("http://inside.example/a/b", "repository")).toBeNull();
    expect(await check("http://outside.example/a/b", "repository")).not.toBeNull();
  });

  it("asks the resolver once a minute for one host", async () => {
    const { asked, check, pass } = world();
    for (const path of ["a", "b", "c"]) await check(`https://outside.example/${path}/r`, "repository");
    expect(asked).toEqual(["outside.example"]);
    pass(60_001);
    await check("https://outside.example/d/r", "repository");
    expect(asked).toHaveLength(2);
  });

  it("leaves local folders to their own setting", async () => {
    expect(await world().check("file:///srv/repo.git", "repository")).toBeNull();
  });
});
