/**
 * Tokens in `Authorization: Bearer …`, and how they are compared. A token is never taken from anywhere else: addresses
 * end up in logs and histories.
 */

import { hash, timingSafeEqual } from "node:crypto";
import { HiveError } from "@hive/core";

/** The shortest owner token taken. */
export const MIN_TOKEN_LENGTH = 16;

/** Tells whether a presented token is one of the known ones, in a time that says nothing about them. */
export interface TokenCheck {
  matches(presented: string): boolean;
}

/**
 * A check against these tokens. Several may be active at once, so that one can be replaced without a pause.
 * Both sides are hashed first: the comparison then always has equal lengths, and every token is compared every time.
 * @throws when there is none, or one is shorter than 16 characters.
 */
export function createTokenCheck(tokens: readonly string[], setting: string): TokenCheck {
  if (tokens.length === 0)
    throw new Error(`${setting} is empty: set it to a random token of at least ${MIN_TOKEN_LENGTH} characters`);
  if (tokens.some((token) => token.length < MIN_TOKEN_LENGTH)) {
    throw new Error(
      `${setting} has a token shorter than ${MIN_TOKEN_LENGTH} characters: make one with "openssl rand -hex 32"`,
    );
  }
  const known = tokens.map((token) => digest(token));
  return {
    matches(presented) {
      const given = digest(presented);
      let found = false;
      // Not `some`: it would stop at the first match and so tell which of the tokens it was.
      for (const one of known) found = timingSafeEqual(one, given) || found;
      return found;
    },
  };
}

/** The tokens of a setting that may hold several, separated by commas. */
export function splitTokens(setting: string): readonly string[] {
  return setting
    .split(",")
    .map((token) => token.trim())
    .filter((token) => token !== "");
}

const SCHEME = /^bearer +([\x21-\x7e]{1,4096})$/i;

/**
 * The token of an `Authorization` header.
 * @throws HiveError `unauthorized` when there is none; `hint` is the sentence that helps.
 */
export function bearerToken(header: string | undefined, hint: string): string {
  if (header === undefined || header === "")
    throw new HiveError("unauthorized", `This needs "Authorization: Bearer TOKEN". ${hint}`);
  const token = SCHEME.exec(header)?.[1];
  if (token === undefined)
    throw new HiveError("unauthorized", `The Authorization header must be "Bearer TOKEN". ${hint}`);
  return token;
}

function digest(token: string): Uint8Array {
  return hash("sha256", token, "buffer");
}
