/** A real Alertmanager that tells webhooks, with the short times of a test. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type Peer, startPeer } from "./peer-program.ts";

export interface AlertmanagerOptions {
  /** What it tells: the address that alerts with the label `to` of this name go to. */
  readonly webhooks: Readonly<Record<string, string>>;
  /** Sent with each delivery. */
  readonly bearer: string;
}

export interface AlertmanagerServer extends Peer {
  readonly url: string;
  /** `127.0.0.1:PORT`, for Prometheus. */
  readonly target: string;
}

/** Starts it in a folder of its own, on a free port of loopback, without others of its kind. */
export async function startAlertmanager({ webhooks, bearer }: AlertmanagerOptions): Promise<AlertmanagerServer> {
  const folder = mkdtempSync(join(tmpdir(), "hive-alertmanager-"));
  const port = await freePort();
  const authorization = { type: "Bearer", credentials: bearer };
  const names = Object.keys(webhooks);
  const config = {
    route: {
      receiver: names[0],
      group_by: ["alertname"],
      group_wait: "200ms",
      group_interval: "1s",
      repeat_interval: "1s",
      routes: names.map((name) => ({ receiver: name, matchers: [`to="${name}"`] })),
    },
    receivers: Object.entries(webhooks).map(([name, url]) => ({
      name,
      webhook_configs: [{ url, send_resolved: true, http_config: { authorization } }],
    })),
  };
  // JSON is YAML.
  writeFileSync(join(folder, "alertmanager.yml"), JSON.stringify(config));
  const peer = await startPeer({
    folder,
    command: [
      "prometheus-alertmanager",
      `--config.file=${join(folder, "alertmanager.yml")}`,
      `--storage.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
      "--log.level=debug",
    ],
    isReady: (printed) => /Listening on|TLS is disabled/.test(printed),
  });
  return { ...peer, url: `http://127.0.0.1:${port}`, target: `127.0.0.1:${port}` };
}
