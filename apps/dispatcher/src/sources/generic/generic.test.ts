import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { anyType } from "../configured-type.ts";
import type { Occurrence, PollTools } from "../contract.ts";
import { sourceTypeSuite, SUITE_NOW } from "../source-type.suite.ts";
import { generic } from "./generic.ts";

const BODY = JSON.stringify({
  ticket: { key: "OPS-7", summary: "Disk füll", level: "high" },
  at: "2026-11-23T11:00:00Z",
});
const TIMESTAMP = String(SUITE_NOW / 1_000);
const secret = { env: "HOOK_SECRET" };
const hex = (text: string): string => createHmac("sha256", "suite-secret").update(text).digest("hex");

const MAPPING = {
  title: "ticket.summary",
  identity: ["ticket.key"],
  severityFrom: "ticket.level",
  at: "at",
  fields: { key: "ticket.key" },
};

sourceTypeSuite({
  type: anyType(generic),
  settings: { ...MAPPING, auth: { hmac: { secret, header: "X-Sig", prefix: "sha256=" } } },
  delivery: { headers: { "x-sig": `sha256=${hex(BODY)}` }, body: BODY },
});

describe("signed together with a timestamp", () => {
  const hmac = { secret, header: "x-sig", timestampHeader: "x-at", signed: "timestamp:body" };
  const headers = { "x-at": TIMESTAMP, "x-sig": hex(`${TIMESTAMP}:${BODY}`) };
  const old = String(SUITE_NOW / 1_000 - 301);
  sourceTypeSuite({
    type: anyType(generic),
    settings: { ...MAPPING, auth: { hmac } },
    delivery: { headers, body: BODY },
    refused: [
      ["it is old", { headers: { "x-at": old, "x-sig": hex(`${old}:${BODY}`) }, body: BODY }],
      ["its timestamp was changed", { headers: { ...headers, "x-at": String(SUITE_NOW / 1_000 + 1) }, body: BODY }],
      ["it has no timestamp", { headers: { "x-sig": hex(BODY) }, body: BODY }],
      ["its timestamp is no number", { headers: { "x-at": "soon", "x-sig": hex(`soon:${BODY}`) }, body: BODY }],
    ],
  });
});

describe("Standard Webhooks", () => {
  const key = Buffer.from("a key of twenty-four byte");
  const sign = (at: string): string => createHmac("sha256", key).update(`msg_1.${at}.${BODY}`).digest("base64");
  const headers = (at = TIMESTAMP): Record<string, string> => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": at,
    "webhook-signature": `v1,bm90IGl0 v1,${sign(at)}`,
  });
  sourceTypeSuite({
    type: anyType(generic),
    settings: { ...MAPPING, auth: { standardWebhooks: secret } },
    secret: `whsec_${key.toString("base64")}`,
    delivery: { headers: headers(), body: BODY },
    refused: [
      ["its signature is for another body", { headers: headers(), body: `${BODY} ` }],
      ["it is from tomorrow", { headers: headers(String(SUITE_NOW / 1_000 + 86_400)), body: BODY }],
      ["it has another id", { headers: { ...headers(), "webhook-id": "msg_2" }, body: BODY }],
    ],
  });
});

it("a secret that is no key of Standard Webhooks is said to be none, and lets nobody in", () => {
  const hook = hookOf({ auth: { standardWebhooks: secret } });
  const headers = { "webhook-id": "msg_1", "webhook-timestamp": TIMESTAMP, "webhook-signature": "v1,bm90IGl0" };
  const verify = () => hook.verify({ headers, body: Buffer.from(BODY), receivedAt: SUITE_NOW }, () => "hunter2");
  expect(verify).toThrow(expect.objectContaining({ code: "unauthorized", message: expect.stringContaining("whsec_") }));
  expect(verify).not.toThrow("hunter2");
});

describe("user and password", () => {
  const authorization = `Basic ${Buffer.from("hive:suite-secret").toString("base64")}`;
  const wrong = `Basic ${Buffer.from("hive:suite-secreT").toString("base64")}`;
  sourceTypeSuite({
    type: anyType(generic),
    settings: { ...MAPPING, auth: { basic: { user: "hive", password: secret } } },
    delivery: { headers: { authorization }, body: BODY },
    refused: [
      ["the password is another", { headers: { authorization: wrong }, body: BODY }],
      ["it has none", { headers: {}, body: BODY }],
    ],
  });
});

const tools: PollTools = {
  now: SUITE_NOW,
  fetch: () => Promise.reject(new Error("nobody is asked back")),
  secret: () => "",
  signal: new AbortController().signal,
};

function hookOf(more: object) {
  const configured = anyType(generic).configure({ ...MAPPING, auth: "none", ...more });
  if (!configured.ok || configured.type.hook === null) throw new Error(JSON.stringify(configured));
  return configured.type.hook;
}

async function read(body: unknown, more: object = {}): Promise<readonly Occurrence[]> {
  return hookOf(more).read({ headers: {}, body: Buffer.from(JSON.stringify(body)), receivedAt: SUITE_NOW }, tools);
}

describe("generic", () => {
  it("reads what the mapping says, and the words for how bad it is", async () => {
    expect(await read(JSON.parse(BODY))).toMatchObject([
      {
        title: "Disk füll",
        identity: ["OPS-7"],
        severity: "error",
        at: Date.UTC(2026, 10, 23, 11),
        state: "event",
        fields: { key: "OPS-7" },
      },
    ]);
  });

  it("reads a list, states and their episodes", async () => {
    const body = {
      items: [
        { t: "a", s: "open", since: 1 },
        { t: "a", s: "closed", since: 1 },
        { t: "b", s: "odd" },
      ],
    };
    const state = { path: "s", firing: ["open"], resolved: ["closed"] };
    const found = await read(body, {
      ...{
        items: "items",
        title: "t",
        identity: ["t"],
        state,
        episode: "since",
        severityFrom: undefined,
        at: undefined,
      },
      fields: {},
    });
    expect(found.map((one) => [one.state, one.episode])).toEqual([
      ["firing", "1"],
      ["resolved", "1"],
      ["event", null],
    ]);
  });

  it("a path never leads to what every object has", async () => {
    await expect(read({ a: 1 }, { title: "constructor.name" })).rejects.toThrow("There is no title");
    await expect(read([1], { title: "__proto__.constructor" })).rejects.toThrow("There is no title");
  });

  it("without an id of the sender the same body is the same delivery for five minutes", () => {
    const id = (after: number, body = BODY): string | null =>
      hookOf({}).deliveryId({ headers: {}, body: Buffer.from(body), receivedAt: SUITE_NOW + after });
    expect(id(1)).toBe(id(299_000));
    expect(id(1)).not.toBe(id(301_000));
    expect(id(1)).not.toBe(id(1, `${BODY} `));
  });

  it("the header that the settings name is the id of a delivery", () => {
    const headers = { "x-request": "abc" };
    const request = { headers, body: Buffer.from(BODY), receivedAt: SUITE_NOW };
    expect(hookOf({ deliveryId: "X-Request" }).deliveryId(request)).toBe("abc");
  });

  it("refuses paths and ways of signing that are none", () => {
    const configured = anyType(generic).configure({ auth: { bearer: "secret-in-the-file" }, title: "a..b" });
    expect(configured).toMatchObject({ ok: false });
    if (!configured.ok) expect(configured.problems.map(({ path }) => path[0])).toEqual(["auth", "title"]);
  });
});
