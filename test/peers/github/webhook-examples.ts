/** GitHub's own examples of every event its webhooks tell of. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The 58 events, with payloads as GitHub sends them. */
export const webhookExamples: readonly {
  readonly name: string;
  readonly examples: readonly object[];
}[] = require("@octokit/webhooks-examples");
