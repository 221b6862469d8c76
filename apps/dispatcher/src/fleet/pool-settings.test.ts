import { describe, expect, test } from "vitest";
import { compilePools, poolsSchema } from "./pool-settings.ts";

function problems(...pools: Record<string, unknown>[]): string[] {
  const parsed = poolsSchema.safeParse(pools);
  return parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

function compiled(entry: Record<string, unknown>, provider: "docker" | "process" = "docker") {
  const [pool] = compilePools(poolsSchema.parse([entry]), { provider, workers: undefined });
  return pool;
}

describe("pools", () => {
  test("without any there is one: two processes that stay, or up to ten containers with one kept warm", () => {
    const only = (provider: "docker" | "process", workers?: number) =>
      compilePools(undefined, { provider, workers })[0];
    expect(only("process")).toMatchObject({ name: "default", min: 2, max: 2, warm: 0, memoryBytes: null });
    expect(only("process", 7)).toMatchObject({ min: 7, max: 7, warm: 0 });
    expect(only("docker")).toMatchObject({ name: "default", min: 0, max: 10, warm: 1, memoryBytes: 4 * 2 ** 30 });
    expect(only("docker", 3)).toMatchObject({ min: 0, max: 3, warm: 1 });
  });

  test("read sizes and times as people write them", () => {
    expect(compiled({ name: "a", memory: "512m", disk: "1.5g", timeout: "90m", cpus: 1.5, pids: 200 })).toMatchObject({
      memoryBytes: 512 * 2 ** 20,
      diskBytes: 1.5 * 2 ** 30,
      timeoutMs: 5_400_000,
      cpus: 1.5,
      pids: 200,
    });
    expect(compiled({ name: "a", memory: 10_000_000, disk: "2 GiB" })).toMatchObject({
      memoryBytes: 10_000_000,
      diskBytes: 2 ** 31,
    });
  });

  test("run in containers where they ask for what only those have", () => {
    expect(compiled({ name: "a" }, "process")).toMatchObject({ provider: "process" });
    for (const wish of [{ image: "x:1" }, { memory: "1g" }, { egress: ["registries"] }, { cpus: 1 }])
      expect(compiled({ name: "a", ...wish }, "process")).toMatchObject({ provider: "docker" });
    expect(compiled({ name: "a", provider: "process" }, "docker")).toMatchObject({ provider: "process" });
  });

  test("have room for what they must hold", () => {
    expect(compiled({ name: "a", min: 20 })).toMatchObject({ min: 20, max: 20 });
    expect(compiled({ name: "a", max: 0 })).toMatchObject({ max: 0, warm: 0 });
    expect(compiled({ name: "a", provider: "process", max: 5, warm: 1 })).toMatchObject({ min: 0, max: 5, warm: 1 });
  });

  test("that cannot be used are refused with the value that is wrong", () => {
    expect(problems({ name: "Big Pool" })).toEqual([expect.stringMatching(/^0\.name: must be 1 to 32 of/)]);
    expect(problems({ name: "worker" })).toEqual([expect.stringContaining("is taken")]);
    expect(problems({ name: "a" }, { name: "a" })).toEqual(['1.name: there are two pools "a"']);
    expect(problems({ name: "a", min: 3, max: 2 })).toEqual(["0.min: 3 is more than max, 2"]);
    expect(problems({ name: "a", warm: 3, max: 2 })).toEqual(["0.warm: 3 is more than max, 2"]);
    expect(problems({ name: "a", memory: "lots" })).toEqual([
      '0.memory: "lots" is no size; write it like "4g" or "512m"',
    ]);
    expect(problems({ name: "a", memory: "1m" })).toEqual(['0.memory: "1m" is less than 6291456 bytes']);
    expect(problems({ name: "a", timeout: "soon" })).toEqual([expect.stringContaining('"soon" is no time')]);
    expect(problems({ name: "a", timeout: "31d" })).toEqual([expect.stringContaining('"31d" is no time')]);
    expect(problems({ name: "a", hours: ["Mo 9-5"] })).toEqual([expect.stringContaining('"Mo 9-5" is no span')]);
    expect(problems({ name: "a", egress: ["http://x"] })).toEqual([
      expect.stringMatching(/^0\.egress\.0: must be a host/),
    ]);
    expect(problems({ name: "a", provider: "process", memory: "1g" })).toEqual([
      "0.memory: a process cannot be given memory; use provider: docker",
    ]);
    expect(problems({ name: "a", provider: "fly" })).toEqual(["0.provider: must be one of docker, process"]);
    expect(problems({ name: "a", wram: 1 })).toEqual([expect.stringContaining("wram")]);
  });
});
