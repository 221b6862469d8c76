/** Messages for tests: one as it is, and one in which everything from outside is hostile. */

import type { Message } from "./message.ts";
import { decision, type Notice, noticesOf, quote } from "./notice.ts";

/** Mentions, links, markup and header breaks of every channel. */
export const HOSTILE =
  "<!channel> <@U1> @everyone <@&1> **b** `c` [x](https://evil.example/a) <https://evil.example|x> https://evil.example www.evil.example \u202egnp.exe\r\nBcc: me@evil.example\u0007 & <img src=x>";

export function heldJob(jobId: string, more: Partial<Notice> = {}): Notice {
  return {
    ...decision(jobId, "approval", Date.parse("2026-11-24T08:30:00Z"), 7, "https://github.com/acme/app"),
    ...more,
  };
}

export function failedJob(jobId: string, message = "expected 2, got 3", id = 8): Notice {
  const [notice] = noticesOf({
    ...{ id, type: "job.failed", at: Date.parse("2026-11-24T08:31:00Z"), jobId },
    data: { error: { code: "exit_code", kind: "work", message }, repo: "https://github.com/acme/app" },
  });
  if (notice === undefined) throw new Error("a failed job is to be told");
  return notice;
}

export function messageOf(notices: readonly Notice[], more: Partial<Message> = {}): Message {
  return {
    id: "hive_notify_1",
    at: Date.parse("2026-11-24T08:32:00Z"),
    channel: "team",
    title: notices[0]?.headline ?? "nothing",
    items: notices.map((notice) => ({
      ...notice,
      url: notice.jobId === null ? null : `https://hive.example/jobs/${notice.jobId}`,
    })),
    more: 0,
    digest: [],
    url: "https://hive.example/",
    ...more,
  };
}

export const HOSTILE_MESSAGE: Message = messageOf([
  heldJob("a_b_c*d", { quotes: quote("repository", HOSTILE), link: "https://github.com/acme/app/pull/7" }),
]);
