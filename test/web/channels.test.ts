/** The channels that people are told over, in Settings: how they stand, a test that is taken, one that is not, and none. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { type MailServer, startMailServer } from "../peers/mail-server.ts";
import { type NoticeReceiver, startNoticeReceiver } from "../peers/notice-receiver.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

const SECRET_PATH = "/services/T000/a-secret-part-of-it";
let mail: MailServer;
let chat: NoticeReceiver;
let server: HiveProcess;
let bare: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  mail = await startMailServer();
  chat = await startNoticeReceiver({
    answer: () => ({ status: 404, body: "<b>no_such_hook</b> \u202e" }),
  });
  server = await startHive({
    env: { HIVE_WORKERS: "0", CHAT_URL: `${chat.url}${SECRET_PATH}` },
    yaml: JSON.stringify({
      notify: {
        me: {
          type: "email",
          host: "127.0.0.1",
          port: mail.port,
          tls: "never",
          from: "hive@example.com",
          to: "you@example.com",
          quiet: { from: "22:00", to: "07:00", urgent: ["decision"] },
          digest: "08:30",
          timezone: "Europe/Berlin",
        },
        team: { type: "slack", url: { env: "CHAT_URL" } },
      },
    }),
  });
  bare = await startHive({ env: { HIVE_WORKERS: "0" } });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.dispose();
  await Promise.all([server?.dispose(), bare?.dispose(), mail?.stop(), chat?.stop()]);
});

test("each channel says what it is told of, and a test says what the other side said", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/settings" });
  const panel = page.getByRole("region", { name: "Notification channels" });
  const me = panel.getByRole("list", { name: "Channels" }).getByRole("listitem").first();
  await me.getByText("decisions that wait, failed jobs, pull requests").waitFor();
  await me.getByText("every day at 08:30 (Europe/Berlin)").waitFor();
  await panel.getByRole("button", { name: "Send a test over me" }).click();
  await me.getByRole("status").getByText("Taken after").waitFor();
  expect(mail.mails[0]).toContain("Subject: Hive: A test: this channel works");

  await panel.getByRole("button", { name: "Send a test over team" }).focus();
  await page.keyboard.press("Enter");
  await panel.getByRole("status").getByText("Not taken after").waitFor();
  await panel.getByText("in trouble").waitFor();
  await panel
    .getByRole("status")
    .getByText(/answered 404 <b>no_such_hook<\/b>/)
    .waitFor();
  expect(await page.content()).not.toContain("a-secret-part-of-it");
  expect(await axeProblems(page)).toEqual([]);
});

test("a Hive without channels shows how to make one, on a phone and in the dark", async () => {
  const { page } = await browser.visit({
    url: bare.url,
    token: bare.token,
    path: "/settings",
    viewport: PHONE,
    colors: "dark",
  });
  await page.getByText("There is none yet").waitFor();
  await page.getByText("hive notify test team").waitFor();
  await page.getByLabel("hive.yaml", { exact: true }).getByText("SLACK_WEBHOOK_URL").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
});
