import { registrationMac } from "@hive/protocol";
import { expect, test } from "vitest";
import { createRegistrar, type Registration } from "./registration.ts";
import { createWorkerTokens, registrationTag } from "./worker-tokens.ts";

const SECRET = "a secret that both sides share";
const NOW = 1_800_000_000_000;

async function registration(
  change: { at?: number; nonce?: string; secret?: string; id?: string; name?: string } = {},
): Promise<Registration> {
  const { at = NOW, nonce = "nonce-0123456789ab", secret = SECRET, id = "registration-1", name = "bee-1" } = change;
  const mac = await registrationMac(secret, { registrationId: id, name, at, nonce });
  return { ...launched("x".repeat(16), id), name, proof: { kind: "secret", at, nonce, mac } };
}

function launched(token: string, id = "registration-1"): Registration {
  return {
    registrationId: id,
    protocol: 1,
    name: "bee-1",
    version: "1",
    roles: [],
    labels: [],
    provider: "process",
    isolation: "none",
    agents: [],
    proof: { kind: "launch", token },
  };
}

test("who knows the secret is taken in, and the same proof never again", async () => {
  const registrar = createRegistrar(SECRET, { wall: () => NOW });
  const proof = await registration();
  expect(await registrar.admit(proof)).toMatchObject({ profile: { name: "bee-1", isolation: "none" } });
  await expect(registrar.admit(proof)).rejects.toThrow(/used before/);
  expect(await registrar.admit(await registration({ nonce: "nonce-another-1234" }))).toMatchObject({
    profile: { name: "bee-1" },
  });
});

test("a wrong secret, an old proof and a proof for another name are refused with what to do", async () => {
  const registrar = createRegistrar(SECRET, { wall: () => NOW });
  await expect(registrar.admit(await registration({ secret: "another" }))).rejects.toThrow(/CALLBACK_SECRET/);
  await expect(registrar.admit(await registration({ at: NOW - 300_001 }))).rejects.toThrow(/clock/);
  await expect(registrar.admit(await registration({ at: NOW + 300_001 }))).rejects.toThrow(/clock/);
  await expect(registrar.admit({ ...(await registration()), name: "bee-2" })).rejects.toThrow(/CALLBACK_SECRET/);
  await expect(registrar.admit({ ...(await registration()), registrationId: "registration-2" })).rejects.toThrow(
    /CALLBACK_SECRET/,
  );
  // A refused proof used nothing up.
  expect(await registrar.admit(await registration({ at: NOW - 299_000 }))).toMatchObject({
    profile: { name: "bee-1" },
  });
});

test("a nonce is remembered as long as its proof could be repeated", async () => {
  let now = NOW;
  const registrar = createRegistrar(SECRET, { wall: () => now });
  const late = await registration({ at: NOW + 300_000 });
  await registrar.admit(late);
  now = NOW + 599_999;
  await expect(registrar.admit(late)).rejects.toThrow(/used before/);
});

test("a launch token is one worker's, and what the launcher knows counts", async () => {
  let now = NOW;
  const registrar = createRegistrar(SECRET, { wall: () => now });
  const token = registrar.issue({ name: "fleet-7", provider: "docker", isolation: "container" });
  expect(await registrar.admit({ ...launched(token), isolation: "vm" })).toMatchObject({
    profile: { name: "fleet-7", isolation: "container" },
  });
  expect(await registrar.admit(launched(token))).toMatchObject({ profile: { name: "fleet-7" } });
  await expect(registrar.admit(launched(token, "registration-2"))).rejects.toThrow(/another worker/);
  await expect(registrar.admit(launched("guessed-0123456789"))).rejects.toThrow(/unknown/);
  const revoked = registrar.issue({});
  registrar.revoke(revoked);
  await expect(registrar.admit(launched(revoked))).rejects.toThrow(/unknown/);
  const slow = registrar.issue({});
  now += 1_800_001;
  await expect(registrar.admit(launched(slow))).rejects.toThrow(/unknown or expired/);
});

test("only the launcher says which pool a worker is of and what its jobs may reach, and it hears of the registration once", async () => {
  const registrar = createRegistrar(SECRET, { wall: () => NOW });
  let used = 0;
  const token = registrar.issue({ pool: "big", egress: ["registries"], timeoutMs: 60_000 }, () => (used += 1));
  expect(used).toBe(0);
  const { profile, placement } = await registrar.admit(launched(token));
  expect(placement).toEqual({ pool: "big", egress: ["registries"], timeoutMs: 60_000 });
  expect(profile).not.toHaveProperty("pool");
  await registrar.admit(launched(token));
  expect(used).toBe(1);
  const alone = await registrar.admit(await registration());
  expect(alone.placement).toEqual({ pool: null, egress: null, timeoutMs: null });
});

test("a worker's token is the same for the same registration and opens nothing once changed", () => {
  const tokens = createWorkerTokens(new Uint8Array(32).fill(7));
  const token = tokens.mint("bee-1", "registration-1");
  expect(tokens.mint("bee-1", "registration-1")).toBe(token);
  expect(tokens.verify(token)).toEqual({ workerId: "bee-1", registration: registrationTag("registration-1") });
  const other = createWorkerTokens(new Uint8Array(32).fill(8));
  const forged = [
    token.replace("bee-1", "bee-2"),
    `${token}A`,
    token.slice(0, -1),
    "hw1..x",
    "",
    other.mint("bee-1", "registration-1"),
  ];
  for (const bad of forged) expect(() => tokens.verify(bad), bad).toThrow(/not a worker's token/);
});
