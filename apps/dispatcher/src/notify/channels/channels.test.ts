import { describe, expect, it } from "vitest";
import { failedJob, heldJob, HOSTILE, HOSTILE_MESSAGE, messageOf } from "../message.fixture.ts";
import { plainText, titleOf } from "../message.ts";
import { noticesOf } from "../notice.ts";
import { discordBody } from "./discord.ts";
import { mailOf } from "./email.ts";
import { ntfyBody } from "./ntfy.ts";
import { slackBody, slackText } from "./slack.ts";
import { webhookBody } from "./webhook.ts";

interface SlackBlock {
  readonly type: string;
  readonly text?: { readonly type: string; readonly text: string };
  readonly elements?: readonly { readonly type: string; readonly text: string }[];
}
const blocksOf = (body: object): readonly SlackBlock[] => (body as { readonly blocks: readonly SlackBlock[] }).blocks;
const contentOf = (body: object): string => (body as { readonly content: string }).content;
const many = Array.from({ length: 10 }, (_, n) => failedJob(`job-${n}`, "x".repeat(5_000)));

describe("text from outside", () => {
  it("is one clean line of at most 300 characters, and an address in it is never a link of ours", () => {
    const [notice] = noticesOf({
      ...{ id: 1, type: "job.failed", at: 0, jobId: "j" },
      data: { error: { code: "<b>", message: `${HOSTILE}${"x".repeat(1_000)}` }, reason: 5 },
    });
    expect(notice?.headline).toBe("Job j failed");
    expect(notice?.quotes[0]?.text).toHaveLength(300);
    expect(notice?.quotes[0]?.text).not.toMatch(/[\r\n\u0007\u202e]/);
  });

  it("is a pull request's page only when it is a plain address of the web", () => {
    const linkOf = (url: unknown) =>
      noticesOf({ id: 1, type: "job.succeeded", at: 0, jobId: "j", data: { result: { pullRequest: { url } } } }).map(
        ({ kind, link }) => [kind, link],
      );
    expect(linkOf("https://github.com/acme/app/pull/7")).toEqual([
      ["pull_request", "https://github.com/acme/app/pull/7"],
      ["succeeded", "https://github.com/acme/app/pull/7"],
    ]);
    for (const bad of [
      "javascript:alert(1)",
      "https://x.example/|y>",
      "https://me:pw@x.example/",
      "https://x.example/ y",
      5,
    ])
      expect(linkOf(bad)).toEqual([["succeeded", null]]);
  });

  it("stands for Slack in plain text blocks, and nothing of it in markup", () => {
    const body = slackBody(HOSTILE_MESSAGE);
    const markup = blocksOf(body).flatMap(({ text }) => (text === undefined ? [] : [text.text]));
    expect(markup.join("\n")).not.toMatch(/evil|channel>|@U1|everyone/);
    expect(markup[0]).toBe("*Job a_\u200bb_\u200bc*\u200bd waits for your approval before it starts*");
    expect(markup[1]).toContain("<https://hive.example/jobs/a_b_c*d|Open in Hive>");
    const quoted = blocksOf(body).flatMap(({ elements }) => elements ?? []);
    expect(quoted.every(({ type }) => type === "plain_text")).toBe(true);
    expect(quoted[0]?.text).toContain("evil.example");
    expect(body).toMatchObject({ unfurl_links: false, unfurl_media: false });
  });

  it("has no signs of Slack's markup where it does stand in markup", () => {
    const plain = slackText("<!channel> <@U1> <https://evil.example|x> & *b* _i_ ~s~ `c`");
    expect(plain).not.toMatch(/[<>]|&(?!(?:amp|lt|gt);)|[*_~`](?!\u200b)/);
    expect(plain.replaceAll("\u200b", "")).toBe(
      "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.example|x&gt; &amp; *b* _i_ ~s~ `c`",
    );
  });

  it("mentions nobody on Discord, makes no link and no markup", () => {
    const body = discordBody(HOSTILE_MESSAGE);
    expect(body).toMatchObject({ allowed_mentions: { parse: [] }, flags: 4 });
    const content = contentOf(body);
    const outside = content.split("\n").filter((line) => line.startsWith("> "));
    expect(outside).toHaveLength(1);
    expect(outside[0]?.slice(2)).not.toMatch(/(?<!\\)[*_`[\]<>|]|@(?!\u200b)|https?:\/\/|www\./);
    expect(content.match(/https?:\/\/[^>]+/g)).toEqual([
      "https://hive.example/jobs/a_b_c*d",
      "https://github.com/acme/app/pull/7",
    ]);
  });

  it("is in no header of a mail and no title of ntfy", () => {
    const mail = mailOf(HOSTILE_MESSAGE, { from: "hive@example.com", to: ["you@example.com"] });
    expect(mail.subject).toBe("Hive: Job a_b_c*d waits for your approval before it starts");
    expect(JSON.stringify({ ...mail, text: "" })).not.toContain("evil");
    expect(mail.text).toContain("  > repository: <!channel>");
    const ntfy = ntfyBody(HOSTILE_MESSAGE, "topic");
    expect(JSON.stringify({ ...ntfy, message: "" })).not.toContain("evil");
    expect(ntfy).toMatchObject({ topic: "topic", priority: 4, click: "https://hive.example/jobs/a_b_c*d" });
  });

  it("is marked as such in plain text, each line of it", () => {
    const lines = plainText(HOSTILE_MESSAGE).split("\n");
    expect(lines.filter((line) => line.includes("evil")).every((line) => line.startsWith("  > "))).toBe(true);
    expect(lines.at(-1)).toMatch(/Do not trust/);
  });
});

describe("a message with much in it", () => {
  const message = messageOf(many, { title: titleOf(many, false), more: 40 });

  it("fits into what each channel takes", () => {
    expect(contentOf(discordBody(message)).length).toBeLessThanOrEqual(2_000);
    expect(contentOf(discordBody(message))).toMatch(/And \d\d more: <https:\/\/hive\.example\/>/);
    expect(blocksOf(slackBody(message)).length).toBeLessThanOrEqual(50);
    for (const { text } of blocksOf(slackBody(message))) expect(text?.text.length ?? 0).toBeLessThanOrEqual(3_000);
    expect(Buffer.byteLength((ntfyBody(message, "t") as { readonly message: string }).message)).toBeLessThanOrEqual(
      4_096,
    );
  });

  it("is told by its numbers in the title", () => {
    expect(titleOf([...many, heldJob("h")], false)).toBe("1 decision waits, 10 jobs failed");
    expect(titleOf([], true)).toBe("Since you left");
  });

  it("gives programs each notice with its event", () => {
    expect(webhookBody(messageOf([failedJob("j")], { digest: ["a line"] }))).toMatchObject({
      type: "notification",
      timestamp: "2026-11-24T08:32:00.000Z",
      data: {
        items: [
          {
            ...{ kind: "failed", event: 8, jobId: "j", headline: "Job j failed: exit code", link: null },
            at: "2026-11-24T08:31:00.000Z",
            quotes: [
              { label: "error", text: "expected 2, got 3" },
              { label: "repository", text: "https://github.com/acme/app" },
            ],
          },
        ],
        digest: ["a line"],
      },
    });
  });
});
