/**
 * The token a worker gets when it registers. It is computed from the worker's id and its registration under a key only
 * this server has, so nothing is stored, a repeated registration gets the same answer, and a stolen database holds no
 * token. A worker that starts again registers anew: its older process keeps a token that names another registration.
 */

import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { HiveError } from "@hive/core";

const PREFIX = "hw1";
const FORM = /^hw1\.([A-Za-z0-9][A-Za-z0-9._-]{0,127})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

export interface WorkerTokens {
  mint(workerId: string, registrationId: string): string;
  /** Who it is and a name for its registration. @throws HiveError `unauthorized` for anything this server did not make. */
  verify(token: string): { readonly workerId: string; readonly registration: string };
}

/** A short name for a registration that tells nothing of its id. */
export function registrationTag(registrationId: string): string {
  return hash("sha256", registrationId, "base64url").slice(0, 22);
}

/** `key`: 32 secret bytes used for nothing else. */
export function createWorkerTokens(key: Uint8Array): WorkerTokens {
  const mac = (text: string): Buffer => createHmac("sha256", key).update(text).digest();
  return {
    mint(workerId, registrationId) {
      const text = `${PREFIX}.${workerId}.${registrationTag(registrationId)}`;
      return `${text}.${mac(text).toString("base64url")}`;
    },
    verify(token) {
      const [, workerId, registration, given] = FORM.exec(token) ?? [];
      if (workerId !== undefined && registration !== undefined && given !== undefined) {
        const text = `${PREFIX}.${workerId}.${registration}`;
        if (timingSafeEqual(mac(text), Buffer.from(given, "base64url"))) return { workerId, registration };
      }
      throw new HiveError(
        "unauthorized",
        "This is not a worker's token of this server. A worker gets one from POST /v1/worker/register",
      );
    },
  };
}
