/**
 * GitHub as a source: issues with a label become jobs, whose pull requests close them and which tell there how they go;
 * reviews and red checks of Hive's own pull requests give the same job another round. It asks by itself, for most
 * machines have no address that GitHub could call; with a `webhookSecret` it is told instead.
 */

import type { SourceType } from "../contract.ts";
import { verifyHmac } from "../verify/hmac.ts";
import { refuseHook } from "../verify/secret.ts";
import { createGitHubCaller } from "./github-call.ts";
import { githubSchema, placeOfRepo, secretsOf, type GitHubSettings } from "./github-settings.ts";
import { GITHUB_FIELDS, issueOf } from "./occurrences.ts";
import { createMayOrder } from "./people.ts";
import { pollGitHub } from "./poll.ts";
import { readWebhook } from "./webhook.ts";

const MINUTE_MS = 60_000;

/** See docs/sources.md. */
export const githubType: SourceType<GitHubSettings> = {
  name: "github",
  schema: githubSchema,
  fields: () => ({ texts: GITHUB_FIELDS, maps: [] }),
  secrets: secretsOf,
  issueOf,
  rounds: ({ rounds }) => rounds,
  everyMs: MINUTE_MS,
  mode: ({ webhookSecret }) => (webhookSecret === undefined ? "polls" : "is told"),
  addresses: (own) => [placeOfRepo(own).apiUrl],
  hook: {
    verify({ webhookSecret: place }, request, secret) {
      if (place === undefined) throw refuseHook("this source has no webhookSecret and asks GitHub by itself");
      const how = { header: "x-hub-signature-256", prefix: "sha256=", encoding: "hex", signed: "body" } as const;
      verifyHmac({ ...how, secret: place, tolerance: 0 }, request, secret);
    },
    deliveryId: ({ headers }) => headers["x-github-delivery"] ?? null,
    keptHeaders: ["x-github-event", "content-type"],
    read(own, request, tools) {
      const token = own.token === undefined ? null : tools.secret(own.token);
      const caller = createGitHubCaller(placeOfRepo(own).apiUrl, token, tools);
      return readWebhook(own, request, createMayOrder(own, caller));
    },
  },
  open(own, { cursor }) {
    let known = cursor;
    return {
      async poll(tools) {
        const polled = await pollGitHub(own, known, tools);
        known = polled.cursor ?? known;
        return polled;
      },
      committed: () => {},
      close: () => {},
    };
  },
};
