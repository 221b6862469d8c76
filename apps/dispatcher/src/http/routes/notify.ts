/** The channels that people are told over. What is told when is in `notify/`. */

import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

export function notifyHandlers({ notifier }: Pick<Parts, "notifier">): Pick<Handlers, "listChannels" | "testChannel"> {
  return {
    async listChannels() {
      return { channels: [...notifier.list()] };
    },
    testChannel: ({ body }) => notifier.test(body.channel),
  };
}
