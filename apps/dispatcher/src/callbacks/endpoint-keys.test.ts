import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEndpointKeys, endpointKeysSchema } from "./endpoint-keys.ts";

const key = (letter: string): string => `whsec_${Buffer.from(letter.repeat(32)).toString("base64")}`;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function keysFor(rules: unknown, variables: Record<string, string> = {}) {
  return createEndpointKeys({
    rules: endpointKeysSchema.parse(rules),
    serverKeys: [key("s")],
    variable: (name) => variables[name],
  });
}

describe("the key of a callback", () => {
  it("is the address's own, from a variable or a file, and else the server's", async () => {
    const file = join(folder, "key");
    await writeFile(file, `${key("b")}, ${key("c")}\n`);
    const find = keysFor(
      [
        { url: "https://ci.example.com/hive", secret: { env: "CI_KEY" } },
        { url: "https://chat.example.com", secret: { file } },
      ],
      { CI_KEY: key("a") },
    );
    expect(find("https://ci.example.com/hive/jobs")).toEqual([key("a")]);
    expect(find("https://chat.example.com/x")).toEqual([key("b"), key("c")]);
    expect(find("https://ci.example.com/other")).toEqual([key("s")]);
  });

  it("is never given to a host that only begins like it", () => {
    const find = keysFor([{ url: "https://ci.example.com", secret: { env: "CI_KEY" } }], { CI_KEY: key("a") });
    expect(find("https://ci.example.com.evil.example/")).toEqual([key("s")]);
    expect(find("http://ci.example.com/")).toEqual([key("s")]);
  });

  it("that is missing or no key stops the start, and is not shown", () => {
    const rule = [{ url: "https://ci.example.com", secret: { env: "CI_KEY" } }];
    expect(() => keysFor(rule)).toThrow("the variable CI_KEY holds no key");
    expect(() => keysFor(rule, { CI_KEY: "plain-secret" })).toThrow(/^(?!.*plain-secret).*holds no whsec_ key/);
  });
});
