/** People are told where they are: by a real mail server and a program of theirs, also one that was away, and once. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyWebhook } from "@hive/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Replicas, startReplicas } from "../faults/replicas.ts";
import { type MailServer, startMailServer } from "../peers/mail-server.ts";
import { type NoticeReceiver, startNoticeReceiver } from "../peers/notice-receiver.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { freePort, type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const KEY = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
const SECRET_PATH = "/hooks/a-secret-part-of-the-address";

interface Notification {
  readonly data: {
    readonly title: string;
    readonly items: readonly { readonly kind: string; readonly jobId: string; readonly url: string }[];
  };
}

/** What a program was told, by kind and job. */
function told({ told: all }: NoticeReceiver): readonly string[] {
  return all.flatMap(({ body }) =>
    (JSON.parse(body) as Notification).data.items.map(({ kind, jobId }) => `${kind} ${jobId}`),
  );
}

describe("a server", () => {
  let git: GitHost;
  let mail: MailServer;
  let server: HiveProcess;
  let pagerPort: number;

  beforeAll(async () => {
    git = await startGitHost();
    for (const name of ["acme/site.git", "asks/app.git"]) git.makeRepo(name);
    mail = await startMailServer();
    pagerPort = await freePort();
    const host = new URL(git.server.url).host;
    server = await startHive({
      env: {
        HIVE_WORKERS: "1",
        HIVE_PUBLIC_URL: "https://hive.example.com",
        PAGER_URL: `http://127.0.0.1:${pagerPort}${SECRET_PATH}`,
        PAGER_KEY: KEY,
      },
      yaml: JSON.stringify({
        repos: [{ match: `${host}/asks/*`, approve: "start" }],
        notify: {
          me: {
            type: "email",
            host: "localhost",
            port: mail.port,
            tls: "never",
            from: "hive@example.com",
            to: "you@example.com",
          },
          pager: {
            type: "webhook",
            url: { env: "PAGER_URL" },
            secret: { env: "PAGER_KEY" },
            on: ["decision", "failed"],
          },
        },
      }),
    });
  });
  afterAll(async () => {
    await server?.dispose();
    await Promise.all([mail?.stop(), git?.stop()]);
  });

  it("tells of a job that waits and of one that failed by mail, while a receiver that is away hears of both when it is back", async () => {
    const enqueue = (jobId: string, repo: string, script: string) =>
      server.hive.enqueue({ jobId, repo: `${git.server.url}/${repo}.git`, task: "script", script });
    await enqueue("waits", "asks/app", "true");
    await until("a mail about the held job", () => mail.mails.some((one) => one.includes("Job waits")), {
      more: () => server.printed(),
    });
    await enqueue("fails", "acme/site", "echo '<!channel> expected 2, got 3' >&2; exit 3");
    expect((await server.over("fails")).status).toBe("failed");
    const [first = ""] = mail.mails;
    expect(first).toContain("https://hive.example.com/jobs/waits");
    expect(first).toMatch(/^To: you@example\.com$/m);

    const away = await until("the receiver to be missed", async () => {
      const pager = (await server.hive.notify.list()).find(({ name }) => name === "pager");
      return pager?.lastError !== null && pager?.waiting === 2 ? pager : null;
    });
    expect(away.lastError?.message).toContain("ECONNREFUSED");
    expect(await server.hive.notify.test("pager")).toMatchObject({ ok: false });

    const pager = await startNoticeReceiver({ port: pagerPort });
    try {
      await until("the receiver to hear", () => pager.told.length > 0, { limitMs: 120_000 });
      expect([...told(pager)].sort()).toEqual(["decision waits", "failed fails"]);
      const { headers = {}, body = "", path } = pager.told[0] ?? {};
      expect(path).toBe(SECRET_PATH);
      expect(await verifyWebhook({ headers, body, secrets: KEY })).toMatchObject({ ok: true });
      const channels = await until("nothing to wait", async () => {
        const all = await server.hive.notify.list();
        return all.find(({ name }) => name === "pager")?.waiting === 0 && all;
      });
      expect(channels.find(({ name }) => name === "pager")).toMatchObject({ lastError: null });
      expect(JSON.stringify(channels) + server.printed()).not.toContain("a-secret-part-of-the-address");
      // A minute after the first mail, as a second one.
      await until("a mail about the failed job", () => mail.mails.some((one) => one.includes("Job fails failed")), {
        limitMs: 90_000,
      });
      expect(mail.mails).toHaveLength(2);
    } finally {
      await pager.stop();
    }
  });
});

describe("two dispatchers on one Redis", () => {
  let folder: string;
  let pager: NoticeReceiver;
  let replicas: Replicas;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hive-notify-"));
    pager = await startNoticeReceiver();
    const yaml = join(folder, "hive.yaml");
    const notify = { pager: { type: "webhook", url: { env: "PAGER_URL" } } };
    writeFileSync(yaml, JSON.stringify({ repos: [{ match: "**", approve: "start" }], notify }));
    const env = { HIVE_CONFIG: yaml, PAGER_URL: pager.url };
    replicas = await startReplicas({ store: "redis", count: 2, env });
  });
  afterAll(async () => {
    await replicas?.[Symbol.asyncDispose]();
    await pager?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("tell once, and after a takeover what happens then; what still waits is told by the new queen once more", async () => {
    const hold = (jobId: string) =>
      replicas.hive().enqueue({ jobId, repo: "http://127.0.0.1:9/asks/app.git", task: "script", script: "true" });
    const queen = await until("a queen", () => replicas.queen());
    await hold("first");
    await until("the first to be told", () => told(pager).length > 0);
    // Whoever is asked, it is the queen that answers.
    for (const { url } of replicas.servers) {
      const reply = await fetch(`${url}/v1/notify`, { headers: { authorization: `Bearer ${replicas.token}` } });
      const { channels } = (await reply.json()) as { readonly channels: readonly { readonly toldAt: number | null }[] };
      expect(channels.map(({ toldAt }) => typeof toldAt)).toEqual(["number"]);
    }

    await queen.crash();
    await until("another queen", async () => {
      const now = await replicas.queen();
      return now !== null && now !== queen;
    });
    await hold("second");
    await until("the second to be told", () => told(pager).includes("decision second"));
    expect(told(pager)).toEqual(["decision first", "decision second"]);
    await until("what still waits to be told again", () => told(pager).length > 2, { limitMs: 150_000 });
    expect(told(pager)).toEqual(["decision first", "decision second", "decision first"]);
  });
});
