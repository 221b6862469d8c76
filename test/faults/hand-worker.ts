/** A worker whose every step the test makes by hand. */
import { randomUUID } from "node:crypto";
import { type ApiClient, createClient, endpoints, type LeaseGrant } from "@hive/protocol";
import { machineClock } from "../../apps/worker/src/loops/clock.ts";
import { createSession } from "../../apps/worker/src/loops/session.ts";

export interface HeldLease {
  readonly client: ApiClient;
  readonly lease: LeaseGrant;
}

/** Registers a worker of this name and takes the one job that is for it. @throws when none is given to it in 30 s */
export async function takeLease(options: {
  readonly name: string;
  readonly urls: readonly string[];
  readonly secret: string;
  /** The only role it plays. Default: any. */
  readonly role?: string;
}): Promise<HeldLease> {
  const client = createClient({ baseUrl: options.urls });
  const profile = {
    name: options.name,
    version: "0.1.0",
    roles: options.role === undefined ? [] : [options.role],
    labels: [],
    provider: "manual",
  };
  const session = createSession({
    client,
    profile: { ...profile, isolation: "none", agents: [] },
    credential: { kind: "secret", secret: options.secret },
    clock: machineClock,
    warn: () => undefined,
  });
  const patience = AbortSignal.timeout(30_000);
  await session.register(patience, null);
  const claimId = randomUUID();
  const { token } = session.current();
  const { lease } = await client.call(endpoints.workerClaim, { body: { claimId } }, { token, signal: patience });
  if (lease === null) throw new Error(`no job was given to ${options.name}`);
  return { client, lease };
}
