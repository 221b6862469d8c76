/** Queries that Hive asks of a real Prometheus, whose metrics go up, down, to NaN and away. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../peers/peer-program.ts";
import { type Metrics, type PrometheusServer, startMetrics, startPrometheus } from "../peers/prometheus.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import {
  cancelOf,
  groupsOf,
  IDLE_JOB,
  jobsOf,
  untilGood,
  untilGroups,
  untilJobs,
  untilTrouble,
} from "./sources-hive.ts";
import { until } from "./until.ts";

let metrics: Metrics;
let prometheus: PrometheusServer;
let server: HiveProcess;

/** The query of each source, and more of its settings. */
const SOURCES: Readonly<Record<string, readonly [query: string, more?: string]>> = {
  plain: ['demo_errors{for="plain"} > 5'],
  spike: ['demo_errors{for="spike"} > 5', "open: { for: 4s }"],
  total: ['scalar(sum(demo_errors{for="total"})) > bool 10', "title: Too many errors"],
  nothing: ["no_such_metric > 5"],
  undefined: ["demo_ratio"],
  broken: ["sum("],
  down: ['demo_errors{for="down"} > 5'],
};

beforeAll(async () => {
  metrics = await startMetrics();
  metrics.set("demo_ratio", Number.NaN);
  metrics.set('demo_errors{for="total"}', 1);
  prometheus = await startPrometheus({ target: metrics.target });
  // Prometheus looks for its targets every five seconds.
  await until("Prometheus to see the metrics", async () => (await prometheus.count("demo_ratio")) === 1);
  const refused = await freePort();
  const lines = Object.entries(SOURCES).map(([id, [query, more]]) => {
    const url = `type: prometheus, url: "${prometheus.url}", query: ${JSON.stringify(query)}`;
    return `  ${id}: { ${url}, every: 1s, job: ${IDLE_JOB}${more === undefined ? "" : `, ${more}`} }`;
  });
  lines.push(
    `  refused: { type: prometheus, url: "http://127.0.0.1:${refused}", query: up, every: 1s, job: ${IDLE_JOB} }`,
  );
  server = await startHive({
    yaml: `sources:\n${lines.join("\n")}\n`,
    env: { HIVE_WORKERS: "0", HIVE_AGENT: "demo", HIVE_ALLOW_UNISOLATED: "1", HIVE_ALLOW_PRIVATE_ADDRESSES: "" },
  });
});
afterAll(async () => {
  await server?.dispose();
  await prometheus?.dispose();
  await metrics?.close();
});

function errors(of: string, svc: string, value: number | null): void {
  metrics.set(`demo_errors{for="${of}",svc="${svc}"}`, value);
}

test("a series that rises is a job, once; when it falls the waiting job is canceled", async () => {
  errors("plain", "api", 9);
  const [job] = await untilJobs(server, "plain", 1);
  errors("plain", "api", 12);
  errors("plain", "web", 7);
  await untilJobs(server, "plain", 2);
  const [group] = await groupsOf(server, "plain").then((all) => all.filter(({ title }) => title.includes("api")));
  expect(group).toMatchObject({ count: 1, stage: "open", job: { id: job?.jobId } });
  errors("plain", "api", 0);
  await untilGroups(server, "plain", (all) =>
    all.some(({ stage, title }) => stage === "resolved" && title.includes("api")),
  );
  expect(await cancelOf(server, job?.jobId ?? "")).toMatchObject({ message: "resolved", by: "source:plain" });
});

test("for: a spike that is over before opens nothing, what stays does", async () => {
  errors("spike", "short", 9);
  await untilGroups(server, "spike", ([one]) => one?.stage === "pending");
  errors("spike", "short", 0);
  await untilGroups(server, "spike", ([one]) => one !== undefined && one.stage !== "pending");
  errors("spike", "long", 9);
  const [job] = await untilJobs(server, "spike", 1);
  const groups = await groupsOf(server, "spike");
  expect(groups.find(({ job: own }) => own?.id === job?.jobId)?.title).toContain("long");
  expect(groups.find(({ title }) => title.includes("short"))?.job).toBeNull();
});

test("a scalar fires while it is not 0", async () => {
  expect(await groupsOf(server, "total")).toEqual([]);
  metrics.set('demo_errors{for="total"}', 11);
  const [group] = await untilGroups(server, "total", ([one]) => one?.stage === "open");
  expect(group?.title).toBe("Too many errors");
});

test.each([
  ["undefined", "NaN: nobody knows whether they fire"],
  ["broken", "parse error"],
  ["refused", "ECONNREFUSED"],
])("%s: the health says what is wrong, and no job comes of it", async (source, message) => {
  await untilTrouble(server, source, message);
  expect(await jobsOf(server, source)).toEqual([]);
});

test("nothing that fires is a source in good health without a job", async () => {
  await untilGood(server, "nothing");
  expect(await groupsOf(server, "nothing")).toEqual([]);
});

test("a Prometheus that goes away ends nothing, and is asked again when it is back", async () => {
  errors("down", "api", 9);
  const [job] = await untilJobs(server, "down", 1);
  await prometheus.shutDown();
  await untilTrouble(server, "down", "ECONNREFUSED");
  expect((await server.hive.get(job?.jobId ?? "")).status).toBe("queued");
  await prometheus.start();
  await untilGood(server, "down");
  expect(await jobsOf(server, "down")).toHaveLength(1);
  expect((await groupsOf(server, "down")).map(({ stage }) => stage)).toEqual(["open"]);
});
