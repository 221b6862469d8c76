import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyWebhook } from "@hive/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type MailServer, startMailServer } from "../../../../test/peers/mail-server.ts";
import { type Answer, type NoticeReceiver, startNoticeReceiver } from "../../../../test/peers/notice-receiver.ts";
import { CERTIFICATE, KEY } from "../guard/certificate.fixture.ts";
import { createGuard } from "../guard/guard.ts";
import { createGuardedClient } from "../guard/request.ts";
import { HOSTILE_MESSAGE, messageOf } from "./message.fixture.ts";
import type { Message, Sent } from "./message.ts";
import { notifySchema } from "./notify-settings.ts";
import { openChannels } from "./open-channels.ts";

const KEYS = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const PASSWORD = "correct-horse-battery";
const guard = createGuard({ allowPrivate: [], ca: CERTIFICATE });
const client = createGuardedClient(guard);
let folder = "";
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-notify-"));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  client.close();
  await rm(folder, { recursive: true, force: true });
});

/** The one channel of these settings. */
function open(channel: object, variables: Record<string, string> = {}) {
  const [opened] = openChannels({
    ...{ channels: notifySchema.parse({ team: channel }), guard, client, serverKeys: [KEYS], wall: Date.now },
    variable: (name) => variables[name],
  });
  if (opened === undefined) throw new Error("there is no channel");
  return (message: Message, signal = new AbortController().signal): Promise<Sent> =>
    opened.sender.send(message, signal);
}

async function receiver(answer?: (path: string) => Answer | null): Promise<NoticeReceiver> {
  const started = await startNoticeReceiver(answer === undefined ? {} : { answer: ({ path }) => answer(path) });
  stops.push(() => started.stop());
  return started;
}

async function mailServer(options: Parameters<typeof startMailServer>[0] = {}): Promise<MailServer> {
  const started = await startMailServer(options);
  stops.push(() => started.stop());
  return started;
}

const HOOK = "/services/T000/B000/a-secret-part-of-it";

describe("a channel over HTTP", () => {
  it.each(["slack", "discord"])("of %s posts to the secret address", async (type) => {
    const { url, told } = await receiver();
    expect(await open({ type, url: { env: "HOOK" } }, { HOOK: `${url}${HOOK}` })(HOSTILE_MESSAGE)).toEqual({
      ok: true,
      said: "200 ok",
    });
    expect(told[0]?.path).toBe(HOOK);
    expect(JSON.parse(told[0]?.body ?? "")).toMatchObject(type === "slack" ? { unfurl_links: false } : { flags: 4 });
  });

  it("of ntfy publishes to the topic with the token, also of a server in a folder", async () => {
    const { url, told } = await receiver();
    const file = join(folder, "token");
    await writeFile(file, "tk_token-of-the-topic\n");
    const send = open({ type: "ntfy", url: { env: "TOPIC" }, token: { file } }, { TOPIC: `${url}/push/hive-topic` });
    expect(await send(HOSTILE_MESSAGE)).toMatchObject({ ok: true });
    expect(told[0]).toMatchObject({ path: "/push/", headers: { authorization: "Bearer tk_token-of-the-topic" } });
    expect(JSON.parse(told[0]?.body ?? "")).toMatchObject({ topic: "hive-topic" });
    const none = open({ type: "ntfy", url: { env: "TOPIC" } }, { TOPIC: url });
    expect(await none(HOSTILE_MESSAGE)).toMatchObject({
      ok: false,
      message: expect.stringContaining("names no topic"),
    });
  });

  it("to a program is signed with its own keys or the server's", async () => {
    const { url, told } = await receiver();
    const own = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    await open({ type: "webhook", url: { env: "HOOK" } }, { HOOK: url })(HOSTILE_MESSAGE);
    await open(
      { type: "webhook", url: { env: "HOOK" }, secret: { env: "OWN" } },
      { HOOK: url, OWN: own },
    )(HOSTILE_MESSAGE);
    for (const [place, secrets] of [KEYS, own].entries()) {
      const { headers = {}, body = "" } = told[place] ?? {};
      expect(await verifyWebhook({ headers, body, secrets })).toMatchObject({ ok: true, id: HOSTILE_MESSAGE.id });
    }
  });

  it("that refuses is told later, as it asks, and what it says shows no secret", async () => {
    const { url } = await receiver((path) => ({
      status: 429,
      body: `no: ${path} and https://x${HOOK}\u001b[31m${"y".repeat(1_000)}`,
      headers: { "retry-after": "90" },
    }));
    const sent = await open({ type: "slack", url: { env: "HOOK" } }, { HOOK: `${url}${HOOK}` })(HOSTILE_MESSAGE);
    expect(sent).toMatchObject({ ok: false, retryAfterMs: 90_000, maybe: false });
    const message = sent.ok ? "" : sent.message;
    expect(message).toMatch(/answered 429 no: /);
    expect(message).not.toMatch(/a-secret-part|\u001b/);
    expect(message.length).toBeLessThanOrEqual(300);
  });

  it("that is away, hangs or points elsewhere is a value, and says whether the message may have arrived", async () => {
    const gone = await receiver();
    await gone.stop();
    const away = await open({ type: "slack", url: { env: "HOOK" } }, { HOOK: `${gone.url}${HOOK}` })(HOSTILE_MESSAGE);
    expect(away).toMatchObject({ ok: false, maybe: false, message: expect.stringContaining("ECONNREFUSED") });

    const elsewhere = await receiver(() => ({ status: 302, headers: { location: "http://127.0.0.1:1/" } }));
    const moved = open({ type: "slack", url: { env: "HOOK" } }, { HOOK: elsewhere.url });
    expect(await moved(HOSTILE_MESSAGE)).toMatchObject({ ok: false, message: expect.stringContaining("redirect") });

    const hung = await receiver(() => null);
    const stop = AbortSignal.timeout(100);
    const given = await open({ type: "slack", url: { env: "HOOK" } }, { HOOK: hung.url })(HOSTILE_MESSAGE, stop);
    expect(given.ok).toBe(false);
  });
});

describe("a channel by mail", () => {
  const mail = {
    type: "email",
    host: "localhost",
    from: "hive@example.com",
    to: ["you@example.com", "me@example.com"],
  };

  it("is delivered by real SMTP, and no text from outside becomes a header", async () => {
    const { port, mails } = await mailServer();
    const title = "Job x\r\nBcc: evil@example.com failed";
    const sent = await open({ ...mail, port, tls: "never" })({ ...HOSTILE_MESSAGE, title });
    expect(sent).toMatchObject({ ok: true, said: expect.stringContaining("taken") });
    const [head = "", ...body] = (mails[0] ?? "").split("\r\n\r\n");
    expect(head).toContain("Subject: Hive: Job x Bcc: evil@example.com failed");
    expect(head).not.toMatch(/^bcc:/im);
    expect(head).toMatch(/^To: you@example\.com, me@example\.com$/m);
    expect(head).toMatch(/^Auto-Submitted: auto-generated$/im);
    expect(body.join("\n")).toContain("> repository: <!channel>");
  });

  it.each([
    ["starttls", false],
    ["always", true],
  ])("logs in over TLS (%s), and only to who proves to be the host", async (tls, secure) => {
    const login = { user: "hive", password: PASSWORD, cert: CERTIFICATE, key: KEY };
    const { port, mails } = await mailServer({ login, secure });
    const settings = { ...mail, port, tls, user: "hive", password: { env: "PASSWORD" } };
    expect(await open(settings, { PASSWORD })(HOSTILE_MESSAGE)).toMatchObject({ ok: true });
    expect(mails).toHaveLength(1);

    const wrong = await open({ ...settings, host: "127.0.0.1" }, { PASSWORD })(HOSTILE_MESSAGE);
    expect(wrong).toMatchObject({ ok: false });
    expect(mails).toHaveLength(1);
  });

  it("whose password is wrong says so and shows it nowhere, even when the server does", async () => {
    const login = { user: "hive", password: PASSWORD, cert: CERTIFICATE, key: KEY };
    const { port } = await mailServer({ login });
    const settings = { ...mail, port, user: "hive", password: { env: "PASSWORD" } };
    const sent = await open(settings, { PASSWORD: "another-secret-thing" })(HOSTILE_MESSAGE);
    expect(sent).toMatchObject({ ok: false, maybe: false, message: expect.stringContaining("hive with") });
    expect(JSON.stringify(sent)).not.toContain("another-secret-thing");
  });

  it("sends nothing in the clear where STARTTLS is wanted and not there", async () => {
    const { port, mails } = await mailServer();
    expect(await open({ ...mail, port })(HOSTILE_MESSAGE)).toMatchObject({ ok: false });
    expect(mails).toEqual([]);
  });

  it("says what the server refuses, and that one is away", async () => {
    const server = await mailServer({ refuse: () => "mailbox is full" });
    const refused = await open({ ...mail, port: server.port, tls: "never" })(messageOf([]));
    expect(refused).toMatchObject({ ok: false, maybe: false, message: expect.stringContaining("mailbox is full") });
    await server.stop();
    const away = await open({ ...mail, port: server.port, tls: "never" })(messageOf([]));
    expect(away).toMatchObject({ ok: false, maybe: false, message: expect.stringContaining("ECONNREFUSED") });
  });
});

describe("settings of channels", () => {
  it("whose secret is missing or of the wrong form stop the start, and show none", () => {
    const hook = { type: "webhook", url: { env: "HOOK" }, secret: { env: "OWN" } };
    expect(() => open(hook)).toThrow(/notify\.team: the variable HOOK holds nothing; .*the variable OWN holds nothing/);
    expect(() => open(hook, { HOOK: "ftp://token@x", OWN: "plain" })).toThrow(
      /^(?!.*(?:plain|token)).*HOOK holds no http address.*no whsec_ key/,
    );
    expect(() => open({ type: "slack", url: { file: join(folder, "none") } })).toThrow(/none holds nothing/);
  });

  it("refuse an address in the file itself, passwords in the clear, unknown zones and empty quiet hours", () => {
    const refused = (channel: object): boolean => !notifySchema.safeParse({ team: channel }).success;
    const slack = { type: "slack", url: { env: "X" } };
    expect(refused(slack)).toBe(false);
    expect(refused({ ...slack, url: "https://hooks.example/secret" })).toBe(true);
    expect(refused({ ...slack, timezone: "Europe/Hive" })).toBe(true);
    expect(refused({ ...slack, quiet: { from: "22:00", to: "22:00" } })).toBe(true);
    expect(refused({ ...slack, quiet: { from: "24:00", to: "07:00" } })).toBe(true);
    expect(refused({ ...slack, on: [] })).toBe(true);
    expect(refused({ ...slack, on: ["everything"] })).toBe(true);
    const mail = { type: "email", host: "mail.example", from: "a@example.com", to: "b@example.com" };
    expect(refused(mail)).toBe(false);
    expect(refused({ ...mail, user: "a" })).toBe(true);
    expect(refused({ ...mail, user: "a", password: { env: "P" }, tls: "never" })).toBe(true);
    expect(refused({ ...mail, to: "b@example.com\r\nBcc: c@example.com" })).toBe(true);
  });
});
