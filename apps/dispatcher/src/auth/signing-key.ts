/**
 * The server's own key pair and the symmetric keys derived from it. Workers get the public half only: they can check
 * their dispatcher and mint nothing.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, hkdfSync, type KeyObject } from "node:crypto";

/** The public half as workers get it (RFC 8037). */
export interface PublicJwk {
  readonly [member: string]: string;
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly jwk: PublicJwk;
  /** Names the key: the first half of its RFC 7638 thumbprint. */
  readonly kid: string;
  /** 32 bytes for one purpose; different for each, and the private key cannot be computed from them. */
  derive(purpose: string): Uint8Array;
}

/** Reads `HIVE_SIGNING_KEY`: an Ed25519 private key, PKCS 8 in base64. @throws when it is anything else. */
export function readSigningKey(text: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: Buffer.from(text.trim(), "base64"), format: "der", type: "pkcs8" });
  } catch (cause) {
    throw new Error("HIVE_SIGNING_KEY is no private key: it must be PKCS 8 in base64", { cause });
  }
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw new Error(`HIVE_SIGNING_KEY is a key of type ${privateKey.asymmetricKeyType}: it must be Ed25519`);
  }
  const publicKey = createPublicKey(privateKey);
  const x = publicKey.export({ format: "jwk" }).x ?? "";
  const kid = hash("sha256", JSON.stringify({ crv: "Ed25519", kty: "OKP", x }), "base64url").slice(0, 22);
  const seed = privateKey.export({ format: "der", type: "pkcs8" });
  return {
    privateKey,
    publicKey,
    kid,
    jwk: { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" },
    derive: (purpose) => new Uint8Array(hkdfSync("sha256", seed, "", `hive/${purpose}`, 32)),
  };
}

/** A new key in the form `readSigningKey` takes: what a first start writes to its secrets. */
export function newSigningKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
}
