import { expect, test } from "vitest";
import { decodeWebhookSecret, signWebhook, verifyWebhook, type VerifyOptions } from "./webhook-signature.ts";

// The example every Standard Webhooks library is tested with.
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MESSAGE = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
const SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const NOW = MESSAGE.timestamp * 1000;
const OTHER = `whsec_${btoa("another secret of 32 bytes here!")}`;

const HEADERS = {
  "webhook-id": MESSAGE.id,
  "webhook-timestamp": String(MESSAGE.timestamp),
  "webhook-signature": SIGNATURE,
};

async function outcome(changes: Partial<VerifyOptions> = {}): Promise<string> {
  const verdict = await verifyWebhook({ headers: HEADERS, body: MESSAGE.body, secrets: SECRET, now: NOW, ...changes });
  return verdict.ok ? "ok" : verdict.reason;
}

test("signing gives the specification's example", async () => {
  expect(await signWebhook(MESSAGE, SECRET)).toEqual(HEADERS);
});

test("bytes and text of the same body are signed alike", async () => {
  const body = "grüße ✓";
  const bytes = new TextEncoder().encode(body);
  expect(await signWebhook({ ...MESSAGE, body: bytes }, SECRET)).toEqual(
    await signWebhook({ ...MESSAGE, body }, SECRET),
  );
});

test("a fresh message verifies, from every shape of headers", async () => {
  expect(await outcome()).toBe("ok");
  expect(await outcome({ headers: new Headers(HEADERS) })).toBe("ok");
  const shouted = Object.fromEntries(Object.entries(HEADERS).map(([name, value]) => [name.toUpperCase(), value]));
  expect(await outcome({ headers: shouted })).toBe("ok");
  const verdict = await verifyWebhook({ headers: HEADERS, body: MESSAGE.body, secrets: SECRET, now: NOW });
  expect(verdict).toEqual({ ok: true, id: MESSAGE.id, timestamp: MESSAGE.timestamp });
});

test("a change of id, time, body or secret is noticed", async () => {
  expect(await outcome({ headers: { ...HEADERS, "webhook-id": "msg_other" } })).toBe("no_matching_signature");
  const later = { ...HEADERS, "webhook-timestamp": String(MESSAGE.timestamp + 1) };
  expect(await outcome({ headers: later })).toBe("no_matching_signature");
  expect(await outcome({ body: `${MESSAGE.body} ` })).toBe("no_matching_signature");
  expect(await outcome({ secrets: OTHER })).toBe("no_matching_signature");
});

test("while a secret is being replaced both sides may have either", async () => {
  const both = await signWebhook(MESSAGE, [OTHER, SECRET]);
  expect(both["webhook-signature"].split(" ")).toHaveLength(2);
  for (const secrets of [SECRET, OTHER, [SECRET, OTHER]]) {
    expect(await outcome({ headers: { ...both }, secrets })).toBe("ok");
  }
  expect(await outcome({ secrets: [OTHER, SECRET] })).toBe("ok");
});

test("a message is taken within five minutes to either side and no further", async () => {
  expect(await outcome({ now: NOW + 300_000 })).toBe("ok");
  expect(await outcome({ now: NOW + 301_000 })).toBe("too_old");
  expect(await outcome({ now: NOW - 300_000 })).toBe("ok");
  expect(await outcome({ now: NOW - 301_000 })).toBe("too_new");
  expect(await outcome({ now: NOW + 301_000, toleranceSeconds: 600 })).toBe("ok");
});

test("missing, empty, repeated and unreadable headers are refused", async () => {
  for (const name of Object.keys(HEADERS)) {
    expect(await outcome({ headers: { ...HEADERS, [name]: undefined } })).toBe("missing_headers");
    expect(await outcome({ headers: { ...HEADERS, [name]: "" } })).toBe("missing_headers");
    expect(await outcome({ headers: { ...HEADERS, [name]: ["a", "b"] } })).toBe("missing_headers");
    expect(await outcome({ headers: { ...HEADERS, [name.toUpperCase()]: "x" } })).toBe("missing_headers");
  }
  for (const time of ["soon", "1e9", "-1", "1614265330.5", "NaN"]) {
    expect(await outcome({ headers: { ...HEADERS, "webhook-timestamp": time } })).toBe("bad_timestamp");
  }
});

test("signatures of other versions, cut or malformed, never fit", async () => {
  const bare = SIGNATURE.slice(3);
  for (const signature of [
    bare,
    `v1a,${bare}`,
    `v2,${bare}`,
    "v1,",
    "v1,AAAA",
    "v1,***",
    SIGNATURE.slice(0, -4),
    ",",
  ]) {
    expect(await outcome({ headers: { ...HEADERS, "webhook-signature": signature } })).toBe("no_matching_signature");
  }
  const mixed = `v1a,${bare} v1,AAAA ${SIGNATURE}`;
  expect(await outcome({ headers: { ...HEADERS, "webhook-signature": mixed } })).toBe("ok");
});

test("a flood of signatures is not worked through", async () => {
  const flood = `${"v1,AAAA ".repeat(5_000)}${SIGNATURE}`;
  expect(await outcome({ headers: { ...HEADERS, "webhook-signature": flood } })).toBe("no_matching_signature");
});

test("a bad secret is the caller's mistake and is not shown", async () => {
  for (const secret of ["", "hunter2", "whsec_", "whsec_aHVudGVyMg==", `whsec_${btoa("x".repeat(65))}`, "whsec_*"]) {
    expect(() => decodeWebhookSecret(secret)).toThrow(/24 to 64 bytes/);
    await expect(signWebhook(MESSAGE, secret)).rejects.toThrow(TypeError);
    await expect(outcome({ secrets: secret })).rejects.not.toThrow(/hunter2|aHVudGVyMg/);
  }
  await expect(signWebhook(MESSAGE, [])).rejects.toThrow(/no webhook secret/);
});

test("an id that could move the border between the signed parts is not signed", async () => {
  for (const id of ["", "a.b", "a b", "a\n", "x".repeat(257)]) {
    await expect(signWebhook({ ...MESSAGE, id }, SECRET)).rejects.toThrow(TypeError);
  }
  await expect(signWebhook({ ...MESSAGE, timestamp: 1.5 }, SECRET)).rejects.toThrow(TypeError);
});
