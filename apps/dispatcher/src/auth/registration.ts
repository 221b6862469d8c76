/**
 * How a worker proves itself at registration: a long-lived one by an HMAC that only a holder of `CALLBACK_SECRET` can
 * make, a fleet worker by the single-use token its launcher gave it. Both are taken once: a copy of a registration that
 * somebody recorded opens nothing.
 */

import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { HiveError, type WorkerPlacement, type WorkerProfile } from "@hive/core";
import { PROOF_TOLERANCE_MS, registrationMac, type RequestOf, type Endpoints } from "@hive/protocol";
import type { Clock } from "../clock.ts";

/** The body of `POST /v1/worker/register`. */
export type Registration = RequestOf<Endpoints["workerRegister"]>["body"];

/** How long a launch token waits for its worker, in milliseconds: images may have to be pulled first. */
const LAUNCH_TOKEN_MS = 1_800_000;
/** Nonces remembered at most. Beyond it registrations are refused: forgetting one would let it be used again. */
const MAX_NONCES = 100_000;

/** What a launcher says of the worker it starts. */
export interface LaunchKnowledge extends Partial<WorkerProfile>, Partial<WorkerPlacement> {}

/** What is known of a worker that has proved itself. */
export interface Admitted {
  readonly profile: WorkerProfile;
  readonly placement: WorkerPlacement;
  /** When it proved that it has the secret, by its own clock; null: it had a launch token. */
  readonly provenAt: number | null;
}

/** The fleet's side: a token per launched worker. */
export interface LaunchTokens {
  /**
   * A token that one worker can register with, once. What the launcher knows of the worker (provider, isolation, roles,
   * labels, pool, egress) counts more than what the worker says of itself. `onUsed` is called at that registration.
   */
  issue(known: LaunchKnowledge, onUsed?: () => void): string;
  /** The worker never came: its token opens nothing any more. */
  revoke(token: string): void;
}

export interface Registrar extends LaunchTokens {
  /** What the worker is, once it has proved itself. @throws HiveError `registration_refused` with what to do. */
  admit(registration: Registration): Promise<Admitted>;
}

interface Launch {
  readonly known: LaunchKnowledge;
  readonly onUsed: () => void;
  readonly until: number;
  /** The registration that used it: repeating that one is fine, another is not. */
  usedBy: string | null;
}

export function createRegistrar(callbackSecret: string, clock: Pick<Clock, "wall">): Registrar {
  const nonces = new Map<string, number>();
  const launches = new Map<string, Launch>();

  const proveSecret = async (
    registration: Registration,
    proof: Extract<Registration["proof"], { kind: "secret" }>,
  ): Promise<void> => {
    const now = clock.wall();
    const off = Math.abs(now - proof.at);
    if (off > PROOF_TOLERANCE_MS) {
      throw refuse(`its clock is ${Math.round(off / 1000)} s off this server's; set the clock of the worker's machine`);
    }
    const { registrationId, name } = registration;
    const expected = await registrationMac(callbackSecret, { registrationId, name, at: proof.at, nonce: proof.nonce });
    if (!equal(expected, proof.mac))
      throw refuse("its CALLBACK_SECRET is not this server's; copy it from hive-data/secrets.env");
    // Maps keep the order of insertion, and every nonce lives equally long: the old ones are at the front.
    for (const [nonce, until] of nonces) {
      if (until > now) break;
      nonces.delete(nonce);
    }
    if (nonces.has(proof.nonce)) throw refuse("this proof was used before; sign again with a new nonce");
    if (nonces.size >= MAX_NONCES) throw refuse("too many workers registered in the last minutes; try again later");
    nonces.set(proof.nonce, now + 2 * PROOF_TOLERANCE_MS);
  };

  const proveLaunch = (registration: Registration, token: string): LaunchKnowledge => {
    const now = clock.wall();
    for (const [key, launch] of launches) if (launch.until <= now) launches.delete(key);
    const launch = launches.get(hash("sha256", token));
    if (launch === undefined)
      throw refuse("its launch token is unknown or expired; only the fleet that started it can start it again");
    if (launch.usedBy !== null && launch.usedBy !== registration.registrationId)
      throw refuse("its launch token was used by another worker");
    const first = launch.usedBy === null;
    launch.usedBy = registration.registrationId;
    if (first) launch.onUsed();
    return launch.known;
  };

  return {
    issue(known, onUsed = () => undefined) {
      const token = randomBytes(32).toString("base64url");
      launches.set(hash("sha256", token), { known, onUsed, until: clock.wall() + LAUNCH_TOKEN_MS, usedBy: null });
      return token;
    },
    revoke(token) {
      launches.delete(hash("sha256", token));
    },
    async admit(registration) {
      const { name, version, roles, labels, provider, isolation, agents, proof } = registration;
      const said: WorkerProfile = { name, version, roles, labels, provider, isolation, agents };
      if (proof.kind === "launch") {
        const { pool = null, egress = null, timeoutMs = null, ...known } = proveLaunch(registration, proof.token);
        return { profile: { ...said, ...known }, placement: { pool, egress, timeoutMs }, provenAt: null };
      }
      await proveSecret(registration, proof);
      return { profile: said, placement: { pool: null, egress: null, timeoutMs: null }, provenAt: proof.at };
    },
  };
}

function refuse(why: string): HiveError {
  return new HiveError("registration_refused", `The worker may not register: ${why}`);
}

function equal(a: string, b: string): boolean {
  return timingSafeEqual(hash("sha256", a, "buffer"), hash("sha256", b, "buffer"));
}
