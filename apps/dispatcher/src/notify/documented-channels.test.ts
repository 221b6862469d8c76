import { readFileSync } from "node:fs";
import { CHANNEL_TYPES, NOTICE_KINDS } from "@hive/protocol";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { notifySchema } from "./notify-settings.ts";

const TEXT = readFileSync(new URL("../../../../docs/notifications.md", import.meta.url), "utf8");

/** Every `notify:` that is written out in docs/notifications.md. */
const examples = [...TEXT.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) => {
  const { notify } = parse(block) as { readonly notify?: object };
  return notify === undefined ? [] : [notify];
});

describe("the channels of docs/notifications.md", () => {
  it("can be used as they are written, and show every type", () => {
    const types = new Set(examples.flatMap((each) => notifySchema.parse(each).map(({ type }) => type)));
    expect([...CHANNEL_TYPES].filter((type) => !types.has(type))).toEqual([]);
  });

  it("are told of every kind that the table describes, and of no other", () => {
    const described = [...TEXT.matchAll(/^\| `([a-z_]+)` \| (?:a |any )/gm)].map(([, name]) => name);
    expect(NOTICE_KINDS.filter((kind) => !described.includes(kind))).toEqual([]);
  });
});
