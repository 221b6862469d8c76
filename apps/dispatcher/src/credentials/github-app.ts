/**
 * Tokens of a GitHub App: made for one job and one repository, with just the rights a pull request needs, good for an
 * hour. GitHub: "Authenticating as a GitHub App installation".
 */

import { createPrivateKey } from "node:crypto";
import { SignJWT } from "jose";
import { z } from "zod";
import { CredentialError } from "./credential-error.ts";

const TIMEOUT_MS = 15_000;
/** Read rights a job's token gets where the App has them: what a pull request's checks say comes back as feedback. */
const READABLE = ["checks", "statuses"] as const;
const installationSchema = z.object({ id: z.int(), permissions: z.record(z.string(), z.string()).default({}) });
const tokenSchema = z.object({ token: z.string().min(1) });

/** What a credential is for. */
export type CredentialPurpose = "push" | "issues";

export interface AppTokenRequest {
  readonly apiUrl: string;
  readonly appId: string;
  /** PEM. */
  readonly privateKey: string;
  /** `host/owner/name`. */
  readonly place: string;
  /** `push`: what a job's pull request needs. `issues`: to say something on an issue, and nothing else. */
  readonly purpose: CredentialPurpose;
  /** Milliseconds since 1970. */
  readonly wall: number;
}

/** An installation token for one repository. @throws CredentialError naming what GitHub answered. */
export async function installationToken(request: AppTokenRequest): Promise<string> {
  const [, owner, name] = request.place.split("/");
  if (owner === undefined || name === undefined)
    throw new CredentialError(`repos: ${request.place} is not host/owner/name`);
  const jwt = await appJwt(request);
  const repo = `${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
  const { id, permissions } = await ask(request, jwt, "GET", `/repos/${repo}/installation`, null, installationSchema);
  // Asking for a right the App does not have would be refused as a whole.
  const readable = READABLE.filter((right) => permissions[right] !== undefined).map((right) => [right, "read"]);
  const rights =
    request.purpose === "issues"
      ? { issues: "write" }
      : { contents: "write", pull_requests: "write", ...Object.fromEntries(readable) };
  const body = { repositories: [name], permissions: rights };
  const { token } = await ask(request, jwt, "POST", `/app/installations/${id}/access_tokens`, body, tokenSchema);
  return token;
}

async function appJwt({ appId, privateKey, wall }: AppTokenRequest): Promise<string> {
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey(privateKey);
  } catch (cause) {
    throw new CredentialError(`repos: the private key of GitHub App ${appId} is not PEM`, { cause });
  }
  const seconds = Math.floor(wall / 1000);
  // A minute back, as GitHub advises, for clocks that differ.
  return new SignJWT({})
    .setProtectedHeader({ alg: "RS256" })
    .setIssuer(appId)
    .setIssuedAt(seconds - 60)
    .setExpirationTime(seconds + 540)
    .sign(key);
}

async function ask<T>(
  request: AppTokenRequest,
  jwt: string,
  method: string,
  path: string,
  body: object | null,
  schema: z.ZodType<T>,
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(request.apiUrl + path, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        authorization: `Bearer ${jwt}`,
        accept: "application/vnd.github+json",
        "content-type": "application/json",
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new CredentialError(`repos: GitHub App ${request.appId}: ${request.apiUrl} did not answer`, {
      passing: true,
      cause,
    });
  }
  const parsed = schema.safeParse(await response.json().catch(() => null));
  if (response.ok && parsed.success) return parsed.data;
  const hint = response.status === 404 ? "; is the App installed on this repository?" : "";
  const passing = response.status >= 500 || response.status === 429;
  throw new CredentialError(
    `repos: GitHub App ${request.appId}: ${method} ${path} answered ${response.status}${hint}`,
    { passing },
  );
}
