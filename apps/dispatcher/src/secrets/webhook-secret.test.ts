/** The webhook secret of a first start, our signature, and the library that backends check it with. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signWebhook, verifyWebhook } from "@hive/protocol";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSecrets } from "./secrets-file.ts";

let dataDir = "";
let secret = "";
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "hive-webhook-"));
  const { env } = await loadSecrets({ dataDir, env: {} });
  secret = env["HIVE_WEBHOOK_SECRET"] ?? "";
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const OLD = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const body = JSON.stringify({ type: "job.succeeded", note: "grüße ✓" });
const timestamp = () => Math.floor(Date.now() / 1000);

test("the standardwebhooks library takes what Hive signs, also while the secret is being replaced", async () => {
  const headers = await signWebhook({ id: "evt_1", timestamp: timestamp(), body }, [secret, OLD]);
  expect(new Webhook(secret).verify(body, { ...headers })).toEqual(JSON.parse(body));
  expect(new Webhook(OLD).verify(body, { ...headers })).toEqual(JSON.parse(body));
  expect(() => new Webhook(secret).verify(`${body} `, { ...headers })).toThrow(/No matching signature/);
});

test("Hive takes what the standardwebhooks library signs", async () => {
  const at = timestamp();
  const headers = {
    "webhook-id": "evt_2",
    "webhook-timestamp": String(at),
    "webhook-signature": new Webhook(secret).sign("evt_2", new Date(at * 1000), body),
  };
  expect(await verifyWebhook({ headers, body, secrets: [OLD, secret] })).toMatchObject({ ok: true, id: "evt_2" });
  expect(await verifyWebhook({ headers, body, secrets: OLD })).toMatchObject({ ok: false });
});
