/** A real Prometheus that looks at one place of metrics four times a second, with the alerting rules of a test. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type Peer, startPeer } from "./peer-program.ts";

/** Between two looks, and between two evaluations of the rules. */
const INTERVAL = "250ms";

/** A program that shows metrics, such as every service does. */
export interface Metrics {
  /** `127.0.0.1:PORT` */
  readonly target: string;
  /** Shows a series, such as `demo_errors{svc="api"}`, with this value; null: no more. */
  set(series: string, value: number | null): void;
  close(): Promise<void>;
}

export async function startMetrics(): Promise<Metrics> {
  const series = new Map<string, number>();
  const server = createServer((_, response) => {
    const lines = [...series].map(([name, value]) => `${name} ${Number.isNaN(value) ? "NaN" : value}\n`);
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(lines.join(""));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    set(name, value) {
      if (value === null) series.delete(name);
      else series.set(name, value);
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

export interface PrometheusOptions {
  /** What it looks at. */
  readonly target: string;
  /** The text of a file of rules. Default: none. */
  readonly rules?: string;
  /** `127.0.0.1:PORT` of an Alertmanager. Default: nobody is told. */
  readonly alertmanager?: string;
}

export interface PrometheusServer extends Peer {
  readonly url: string;
  /** How many series this query gives now. */
  count(query: string): Promise<number>;
}

/** Starts it in a folder of its own, on a free port of loopback. */
export async function startPrometheus({ target, rules, alertmanager }: PrometheusOptions): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), "hive-prometheus-"));
  const port = await freePort();
  const config = {
    global: { scrape_interval: INTERVAL, scrape_timeout: INTERVAL, evaluation_interval: INTERVAL },
    scrape_configs: [{ job_name: "demo", static_configs: [{ targets: [target] }] }],
    ...(rules === undefined ? {} : { rule_files: [join(folder, "rules.yml")] }),
    ...(alertmanager === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
  };
  // JSON is YAML.
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
  if (rules !== undefined) writeFileSync(join(folder, "rules.yml"), rules);
  const peer = await startPeer({
    folder,
    command: [
      "prometheus",
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--rules.alert.resend-delay=1s",
    ],
    isReady: (printed) => printed.includes("Server is ready to receive web requests"),
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    ...peer,
    url,
    async count(query) {
      const reply = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
      const body = (await reply.json()) as { readonly data?: { readonly result?: readonly unknown[] } };
      return body.data?.result?.length ?? 0;
    },
  };
}
