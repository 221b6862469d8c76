/**
 * Who may give Hive work on GitHub: people who may push to the repository, for what they ask for ends there. Machines
 * may not, unless the operator names them, and neither may the account that Hive itself uses.
 */

import { z } from "zod";
import { type GitHubCaller, NotThere } from "./github-call.ts";
import { placeOfRepo, type GitHubSettings } from "./github-settings.ts";

/** Somebody on GitHub, as it shows them. */
export const userSchema = z.object({ login: z.string(), type: z.string().default("User") });
export type GitHubUser = z.output<typeof userSchema>;

const permissionSchema = z.object({ permission: z.string() });
const MAY_PUSH: ReadonlySet<string> = new Set(["admin", "maintain", "write"]);

/** Decides about people; each is asked for once. */
export type MayOrder = (user: GitHubUser | null | undefined) => Promise<boolean>;

/** Asks `caller` where the settings do not say it already. */
export function createMayOrder(own: GitHubSettings, caller: GitHubCaller): MayOrder {
  const known = new Map<string, Promise<boolean>>();
  const { name } = placeOfRepo(own);

  async function mayPush(login: string): Promise<boolean> {
    const path = `/repos/${name}/collaborators/${encodeURIComponent(login)}/permission`;
    try {
      const answer = await caller.get(path, permissionSchema);
      return answer.news && MAY_PUSH.has(answer.data.permission);
    } catch (error) {
      if (!(error instanceof NotThere)) throw error;
      // Whose account is gone may push no more, and must not keep what others say from being heard. Where it is the
      // repository that this token may not see, people are to know.
      await caller.get(`/repos/${name}`, z.object({}));
      return false;
    }
  }

  return async (user) => {
    if (user === null || user === undefined || isListed(own.ignore, user.login)) return false;
    // What the operator named needs no question: bots are no collaborators.
    if (user.type !== "User") return isListed(own.bots, user.login);
    const asked = known.get(user.login) ?? mayPush(user.login);
    known.set(user.login, asked);
    return asked;
  };
}

/** GitHub does not look at letter case. */
function isListed(logins: readonly string[], login: string): boolean {
  return logins.some((one) => one.toLowerCase() === login.toLowerCase());
}
