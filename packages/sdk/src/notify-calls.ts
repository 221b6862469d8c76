/** What programs do with the channels that people are told over. */

import { endpoints, type ApiClient, type ChannelTest, type NotifyChannel } from "@hive/protocol";

export interface NotifyCalls {
  /** How each channel stands; never an address or a secret. */
  list(): Promise<readonly NotifyChannel[]>;
  /** Sends a test message now. Not sent again by itself: each is one more message. */
  test(channel: string): Promise<ChannelTest>;
}

/** `again` sends a request again that may be repeated. */
export function notifyCalls(api: ApiClient, again: <T>(call: () => Promise<T>) => Promise<T>): NotifyCalls {
  return {
    list: async () => (await again(() => api.call(endpoints.listChannels, {}))).channels,
    test: (channel) => api.call(endpoints.testChannel, { body: { channel } }),
  };
}
