/** Signing in and out from a browser. Any dispatcher answers by itself: a session is signed, not stored. */

import { HiveError } from "@hive/core";
import { createTokenCheck } from "../../auth/bearer.ts";
import type { Session } from "../../auth/sessions.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";
import { createLoginLimit } from "../login-limit.ts";

type SessionHandlers = Pick<Handlers, "openSession" | "getSession" | "closeSession">;

export function sessionHandlers(
  parts: Pick<Parts, "sessions" | "clock" | "ownerTokens" | "tokenHint">,
): SessionHandlers {
  const { sessions, clock, tokenHint } = parts;
  const limit = createLoginLimit(clock);
  const checks = parts.ownerTokens.map((token) => ({ token, check: createTokenCheck([token], "INTERNAL_API_TOKEN") }));
  const setting = ({ cookie, value, until }: Session): string =>
    `${cookie}=${value}; ${sessions.attributes}; Max-Age=${Math.ceil((until - clock.wall()) / 1000)}`;

  return {
    async openSession({ body, address, setCookies }) {
      limit.mustHaveRoom(address);
      const given = body.token.trim();
      // All of them are looked at: how long it takes must not tell which it was.
      const [mine] = checks.filter(({ check }) => check.matches(given));
      if (mine === undefined) {
        limit.failed(address);
        throw new HiveError("unauthorized", `That is not this server's INTERNAL_API_TOKEN. To see it: ${tokenHint}`);
      }
      const session = sessions.open(mine.token);
      setCookies([setting(session)]);
      return { signedIn: true, until: session.until };
    },

    async getSession({ headers }) {
      const until = sessions.find(headers.cookie);
      return { signedIn: until !== null, until };
    },

    async closeSession({ headers, setCookies }) {
      // Only those it has: the names of the others would tell a stranger something that comes from the tokens.
      setCookies(sessions.namesIn(headers.cookie).map((cookie) => `${cookie}=; ${sessions.attributes}; Max-Age=0`));
      return { signedIn: false, until: null };
    },
  };
}
