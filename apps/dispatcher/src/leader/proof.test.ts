import { expect, it } from "vitest";
import { newSigningKey, readSigningKey } from "../auth/signing-key.ts";
import { createLeaderProof, secretsId } from "./proof.ts";

const SECRETS = {
  internalApiToken: "the token of the owner",
  callbackSecret: "the root of the workers",
  webhookSecret: "whsec_of-the-callbacks",
  sealingKeys: "k1:of-the-secrets",
  signingKey: "of-the-leases",
};

it("proves an address to those with the same signing key, for this election only", () => {
  const text = newSigningKey();
  const proof = createLeaderProof(readSigningKey(text));
  const record = { electionId: "e1", url: "http://queen:1", proof: proof.sign("e1", "http://queen:1") };
  const other = createLeaderProof(readSigningKey(text));
  expect(other.verify(record)).toBe(true);
  expect(other.verify({ ...record, url: "http://thief:1" })).toBe(false);
  expect(other.verify({ ...record, electionId: "e2" })).toBe(false);
  for (const given of ["", "x", `${record.proof}A`]) expect(other.verify({ ...record, proof: given })).toBe(false);
  expect(createLeaderProof(readSigningKey(newSigningKey())).verify(record)).toBe(false);
});

it("gives each set of secrets a fingerprint of its own, and the same one to the same secrets", () => {
  const key = readSigningKey(newSigningKey());
  const own = secretsId(SECRETS, key);
  expect(own).toMatch(/^[\w-]{22}$/);
  expect(secretsId({ ...SECRETS }, key)).toBe(own);
  for (const name of Object.keys(SECRETS)) expect(secretsId({ ...SECRETS, [name]: "another" }, key)).not.toBe(own);
});
