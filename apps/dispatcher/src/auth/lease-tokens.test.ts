import { createHmac, sign } from "node:crypto";
import type { Job, Lease } from "@hive/core";
import { verifyLeaseToken } from "@hive/protocol";
import { expect, test } from "vitest";
import { createLeaseTokens } from "./lease-tokens.ts";
import { newSigningKey, readSigningKey } from "./signing-key.ts";

const NOW = 1_800_000_000_000;
const lease: Lease = {
  fence: 3,
  workerId: "w1",
  claimId: "claim-00001",
  salt: "5a17".repeat(8),
  grantedAt: NOW,
  begunAt: null,
  phase: null,
  reported: 0,
  purpose: "work",
};
const job: Pick<Job, "id" | "timeoutMs" | "run"> = { id: "demo-1", timeoutMs: 60_000, run: null };

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

test("the same lease gets the same tokens, also after a restart", async () => {
  const text = newSigningKey();
  const first = await createLeaseTokens(readSigningKey(text)).mint(lease, job, "e1");
  const again = await createLeaseTokens(readSigningKey(text)).mint({ ...lease }, job, "e1");
  expect(again).toEqual(first);
  expect(new Set(Object.values(first)).size).toBe(3);
});

test("a worker can check a token with the public key alone", async () => {
  const tokens = createLeaseTokens(readSigningKey(newSigningKey()));
  const { worker } = await tokens.mint(lease, job, "e1");
  const claims = await verifyLeaseToken(worker, tokens.publicKey, "worker");
  expect(claims).toMatchObject({ jobId: "demo-1", fence: 3, attempt: 1, electionId: "e1", workerId: "w1" });
  await expect(verifyLeaseToken(worker, tokens.publicKey, "llm")).rejects.toThrow();
});

test("a token is taken for its own audience only, remembered or not", async () => {
  const text = newSigningKey();
  const mint = createLeaseTokens(readSigningKey(text));
  const minted = await mint.mint(lease, job, "e1");
  for (const tokens of [mint, createLeaseTokens(readSigningKey(text))]) {
    expect(tokens.verify(minted.llm, "llm", NOW)).toMatchObject({ jobId: "demo-1", fence: 3, audience: "llm" });
    expect(() => tokens.verify(minted.llm, "worker", NOW)).toThrow(/it is for "llm"/);
    expect(() => tokens.verify(minted.worker, "egress", NOW)).toThrow(/it is for "worker"/);
  }
});

test("a token is bound to the salt of its lease and expires with its job", async () => {
  const text = newSigningKey();
  const { worker } = await createLeaseTokens(readSigningKey(text)).mint(lease, job, "e1");
  const verified = createLeaseTokens(readSigningKey(text)).verify(worker, "worker", NOW);
  expect(verified.boundTo(lease.salt)).toBe(true);
  expect(verified.boundTo("0".repeat(32))).toBe(false);
  expect(verified.boundIn).toBeNull();
  expect(() => createLeaseTokens(readSigningKey(text)).verify(worker, "worker", NOW + 2 * 3_600_000)).toThrow(
    /expired/,
  );
});

test("no other algorithm, key, type or signature is taken (CVE-2026-22817)", async () => {
  const key = readSigningKey(newSigningKey());
  const tokens = createLeaseTokens(key);
  const { worker } = await tokens.mint(lease, job, "e1");
  const [head = "", body = "", signature = ""] = worker.split(".");
  const header = { alg: "EdDSA", typ: "hive-lease+jwt", kid: key.kid };
  const signed = (h: object, b: string): string => {
    const text = `${encode(h)}.${b}`;
    return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString("base64url")}`;
  };
  const hmacOf = (secret: string | Uint8Array): string => {
    const text = `${encode({ ...header, alg: "HS256" })}.${body}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  };
  const stranger = await createLeaseTokens(readSigningKey(newSigningKey())).mint(lease, job, "e1");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
  const forged = [
    stranger.worker,
    hmacOf(key.jwk.x),
    hmacOf(Buffer.from(key.jwk.x, "base64url")),
    `${encode({ ...header, alg: "none" })}.${body}.`,
    `${head}.${body}.`,
    `${head}.${encode({ ...claims, fence: 4 })}.${signature}`,
    `${head}.${encode({ ...claims, sub: "demo-2" })}.${signature}`,
    signed({ ...header, typ: "JWT" }, body),
    signed({ ...header, kid: "other" }, body),
    signed(header, encode({ ...claims, aud: "hive:root" })),
    signed(header, encode({ ...claims, iss: "somebody" })),
    signed(header, encode([])),
    `${worker}.x`,
    "",
    "a.b.c",
    "%%%",
  ];
  for (const token of forged) expect(() => tokens.verify(token, "worker", NOW), token).toThrow(/refused/);
  expect(tokens.verify(worker, "worker", NOW).jobId).toBe("demo-1");
});

test("a signing key of another kind is refused with what it must be", () => {
  expect(() => readSigningKey("bm90IGEga2V5")).toThrow(/HIVE_SIGNING_KEY/);
});
