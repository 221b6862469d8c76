/**
 * Who this worker is to its dispatcher: registers, keeps what registration gave, and registers again when the
 * dispatcher no longer knows the worker. All loops share one session and ask it for the token of this moment.
 */

import { randomUUID } from "node:crypto";
import {
  type ApiClient,
  ApiError,
  endpoints,
  registrationMac,
  type registeredSchema,
  UnreachableError,
  WORKER_PROTOCOL,
} from "@hive/protocol";
import type { WorkerProfile } from "@hive/core";
import type { z } from "zod";
import type { Credential } from "../config.ts";
import { backOff, type Clock, pause } from "./clock.ts";

/** What registration gave. */
export type Registered = z.infer<typeof registeredSchema>;

/** The dispatcher will not have this worker, whatever it tries: a used launch token, a version it does not take. */
export class NotWelcomeError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "NotWelcomeError";
  }
}

export interface SessionOptions {
  readonly client: ApiClient;
  readonly profile: WorkerProfile;
  readonly credential: Credential;
  /** Whether this worker runs agents whose command line comes with the job. Default: false. */
  readonly commandLines?: boolean;
  readonly clock: Clock;
  /** Told in one line what cannot be done right now. */
  readonly warn: (message: string) => void;
}

/** The worker's standing with its dispatcher. */
export interface Session {
  /** What the last registration gave. @throws Error before the first. */
  readonly current: () => Registered;
  /**
   * Registers unless `seen` is no longer the current registration (another loop was faster). Tries until it works.
   * Resolves to null when the signal was aborted first. @throws NotWelcomeError
   */
  register(signal: AbortSignal, seen: Registered | null): Promise<Registered | null>;
  /** In one line: what it is doing now. */
  status(): string;
}

/** A session that has not registered yet. */
export function createSession(options: SessionOptions): Session {
  const { client, clock } = options;
  let now: Registered | null = null;
  let running: Promise<Registered | null> | null = null;
  let status = "not registered";
  // A launch token is taken once, with one registration id: asking again with both gets the same answer.
  const launchId = randomUUID();

  async function attempt(registrationId: string, signal: AbortSignal): Promise<Registered> {
    const { profile } = options;
    const proof = await proofOf(options, registrationId);
    return client.call(
      endpoints.workerRegister,
      {
        body: {
          registrationId,
          protocol: WORKER_PROTOCOL,
          ...profile,
          roles: [...profile.roles],
          labels: [...profile.labels],
          agents: [...profile.agents],
          ...(options.commandLines === true ? { commandLines: true } : {}),
          proof,
        },
      },
      { signal, timeoutMs: 15_000 },
    );
  }

  async function keepTrying(signal: AbortSignal): Promise<Registered | null> {
    const registrationId = options.credential.kind === "launch" ? launchId : randomUUID();
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        now = await attempt(registrationId, signal);
        status = `registered as ${now.workerId}`;
        return now;
      } catch (error) {
        if (signal.aborted) break;
        if (!mayChange(error, options.credential)) {
          throw new NotWelcomeError(error instanceof Error ? error.message : String(error), { cause: error });
        }
        status = `registering, ${tries + 1} tries failed`;
        options.warn(`cannot register: ${error instanceof Error ? error.message : String(error)}`);
        await pause(clock, backOff(clock, tries), signal);
      }
    }
    return null;
  }

  return {
    current() {
      if (now === null) throw new Error("the worker is not registered yet");
      return now;
    },
    register(signal, seen) {
      if (now !== null && now !== seen) return Promise.resolve(now);
      running ??= keepTrying(signal).finally(() => {
        running = null;
      });
      return running;
    },
    status: () => status,
  };
}

// A nonce is taken once, so every try makes a new proof for the same registration id.
async function proofOf(options: SessionOptions, registrationId: string) {
  const { credential, profile, clock } = options;
  if (credential.kind === "launch") return { kind: "launch" as const, token: credential.token };
  const at = Math.round(clock.wall());
  const nonce = randomUUID();
  const mac = await registrationMac(credential.secret, { registrationId, name: profile.name, at, nonce });
  return { kind: "secret" as const, at, nonce, mac };
}

function mayChange(error: unknown, credential: Credential): boolean {
  if (error instanceof UnreachableError) return true;
  if (!(error instanceof ApiError)) return false;
  if (error.retry) return true;
  // An operator may correct a wrong secret or a wrong clock on the server's side; a launch token stays used.
  return error.is("registration_refused") && credential.kind === "secret";
}
