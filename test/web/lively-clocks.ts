/** Schedules with a history and a source with groups, for a Hive in the middle of a day. */
import type { HiveProcess } from "../e2e/hive-process.ts";
import { untilGroups } from "../e2e/sources-hive.ts";

const DAY_MS = 86_400_000;

/** Their part of hive.yaml; `host` is that of the repositories. Nothing answers the callbacks. */
export function clocksYaml(host: string): string {
  const repo = `http://${host}/acme/shop.git`;
  return `callbackUrl: "http://127.0.0.1:9/hive"
schedules:
  nightly-tests:
    cron: "30 2 * * *"
    timezone: America/New_York
    job: { repo: "${repo}", task: script, script: "case {{ slot }} in *[37]T*) exit 1;; esac" }
  hourly-sweep: { cron: "0 * * * *", job: { repo: "${repo}", task: script, script: "true", labels: [nobody] } }
  monday-report: { cron: "0 7 * * 1", timezone: Asia/Tokyo, overlap: buffer_one, job: { repo: "${repo}", task: analyze, instructions: "Report." } }
sources:
  prod-alerts:
    { type: generic, auth: none, title: title, text: text, severityFrom: level, fields: { service: service },
      when: 'service != "sandbox"', limits: { perHour: 2 }, job: { repo: "${repo}", labels: [nobody] } }
  status-page: { type: feed, url: "http://127.0.0.1:9/feed.xml", every: 5m, job: { repo: "${repo}", labels: [nobody] } }
`;
}

/** Makes the slots of the last days, and what the source was told. */
export async function fillClocks(server: HiveProcess): Promise<void> {
  const now = Date.now();
  const iso = (at: number): string => new Date(at).toISOString();
  const { schedules } = server.hive;
  await schedules.backfill("nightly-tests", { from: iso(now - 8 * DAY_MS), to: iso(now), overlap: "allow" });
  await schedules.backfill("hourly-sweep", { from: iso(now - DAY_MS / 3), to: iso(now), overlap: "skip" });
  await schedules.pause("monday-report", "the office is closed until January");
  const alerts = [
    { title: "HighErrors: errors high on api", text: "value 9.1", level: "critical", service: "api" },
    { title: "HighErrors: errors high on web", text: "value 7.4", level: "warning", service: "web" },
    { title: "HighErrors: errors high on api", text: "value 9.7", level: "critical", service: "api" },
    { title: "DiskFull: 97 % of /var", text: "node-3:/var is 97 % full", level: "warning", service: "node-3" },
    { title: "<img src=x onerror=alert(1)> is down", text: "\u202eevil", level: "error", service: "shop" },
    { title: "Noise", text: "nothing", level: "info", service: "sandbox" },
  ];
  for (const alert of alerts) {
    const headers = { "content-type": "application/json" };
    await fetch(`${server.url}/hooks/prod-alerts`, { method: "POST", headers, body: JSON.stringify(alert) });
  }
  await untilGroups(server, "prod-alerts", (groups) => groups.length === 4);
}
