import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { compileSource } from "./source-settings.ts";
import { SOURCE_TYPES } from "./source-types.ts";

const TEXT = readFileSync(new URL("../../../../docs/sources.md", import.meta.url), "utf8");

type Settings = Readonly<Record<string, unknown>>;

/** Every source that is written out in docs/sources.md, with its id. */
const examples = [...TEXT.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) => {
  const written = parse(block) as { readonly sources?: object };
  return Object.entries(written.sources ?? written).filter(
    (entry): entry is [string, Settings] => typeof entry[1] === "object" && entry[1] !== null && "type" in entry[1],
  );
});

describe("the sources of docs/sources.md", () => {
  it("show every type there is", () => {
    const shown = new Set(examples.map(([, { type }]) => type));
    expect(SOURCE_TYPES.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  });

  it.each(examples)("%s can be used as it is written", (id, settings) => {
    const compiled = compileSource(id, settings, SOURCE_TYPES);
    expect(compiled.ok ? [] : compiled.problems).toEqual([]);
  });
});
