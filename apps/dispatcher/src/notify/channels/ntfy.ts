/** ntfy: a topic of ntfy.sh or of a server of one's own. Published as JSON, so that no text becomes a header. */

import { type Message, plainText, type Sender, type Sent } from "../message.ts";
import { postJson, type PostOptions } from "../post.ts";
import { cutText } from "../../sources/clean-text.ts";

/** Beyond 4,096 ntfy makes a file of it. */
const MESSAGE_BYTES = 3_900;

export function createNtfy(url: string, token: string | null, options: PostOptions): Sender {
  const place = topicOf(url);
  return {
    type: "ntfy",
    async send(message, signal): Promise<Sent> {
      if (place === null)
        return {
          ok: false,
          message: "the address names no topic: it must look like https://ntfy.sh/my-topic",
          retryAfterMs: null,
          maybe: false,
        };
      const headers = token === null ? {} : { authorization: `Bearer ${token}` };
      return postJson(options, { url: place.server, headers, body: ntfyBody(message, place.topic), signal });
    },
  };
}

/** JSON goes to the server's own address and names the topic. Null: the address has none. */
function topicOf(address: string): { readonly server: string; readonly topic: string } | null {
  const url = URL.parse(address);
  const topic = url?.pathname.split("/").findLast((part) => part !== "");
  if (url === null || topic === undefined || !/^[-_A-Za-z0-9]{1,64}$/.test(topic)) return null;
  return { server: new URL(url.pathname.slice(0, url.pathname.lastIndexOf(topic)) || "/", url.origin).href, topic };
}

/** The body that ntfy publishes. */
export function ntfyBody(message: Message, topic: string): object {
  const [only, ...others] = message.items;
  return {
    topic,
    title: message.title,
    message: cutText(plainText(message), MESSAGE_BYTES),
    // 4 of 5: it makes itself heard where somebody has to decide.
    priority: message.items.some(({ kind }) => kind === "decision") ? 4 : 3,
    click: others.length === 0 && only?.url != null ? only.url : message.url,
  };
}
