/**
 * A Docker Engine for tests that need it to fail on demand: a real HTTP server on a real Unix socket, containers that
 * are entries in a map and do what the test says. What a real engine answers is tested in test/containers.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What happens to a call instead of its answer. */
export type Fault =
  /** It is carried out; the connection is cut before the answer. */
  | "lost answer"
  /** It is not carried out; the connection is cut. */
  | "cut"
  /** It is not carried out, and never answered. */
  | "hang"
  /** It is not carried out. */
  | { readonly status: number; readonly message: string };

export interface FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly spec: { readonly Labels?: Readonly<Record<string, string>>; readonly [key: string]: unknown };
  readonly created: number;
  state: "created" | "running" | "exited";
  startedAt: string;
  exitCode: number;
  oomKilled: boolean;
  readonly signals: string[];
  /** What a signal does; default: SIGTERM ends it with 0, SIGKILL with 137. */
  onSignal: (signal: string) => void;
  readonly log: { readonly stream: number; readonly text: string }[];
}

export interface FakeEngine {
  readonly address: string;
  readonly containers: readonly FakeContainer[];
  /** Every call, such as `POST /containers/create?name=x`, without the version. */
  readonly calls: readonly string[];
  readonly images: Map<string, { Id: string; RepoDigests?: readonly string[]; Config?: object }>;
  /** Images with the label hive.source that have lost their name, by id: when they were made, in seconds since 1970. */
  readonly nameless: Map<string, number>;
  readonly volumes: Map<string, Readonly<Record<string, string>>>;
  readonly networks: Map<string, Readonly<Record<string, string>>>;
  version: { Version: string; ApiVersion: string; MinAPIVersion?: string; Os: string };
  /** What a build answers, line by line; it makes the image when the last one is reached. */
  build: (tar: Buffer, query: URLSearchParams) => Iterable<object> | AsyncIterable<object>;
  /** The next call that matches is treated so. */
  failNext(call: RegExp, fault: Fault): void;
  container(name: string): FakeContainer;
  /** Makes a container as if somebody else had. */
  add(
    name: string,
    labels: Readonly<Record<string, string>>,
    state: FakeContainer["state"],
    created?: number,
  ): FakeContainer;
  say(name: string, text: string, stream?: "stdout" | "stderr"): void;
  exit(name: string, code: number, options?: { oomKilled?: boolean }): void;
  /** The engine goes: connections are cut, the socket is gone, containers stay as they are. */
  away(): Promise<void>;
  back(): Promise<void>;
  close(): Promise<void>;
}

/** Starts one. Times in its log and containers are of the year 2026. */
export async function startFakeEngine(): Promise<FakeEngine> {
  const folder = await mkdtemp(join(tmpdir(), "hive-engine-"));
  const socket = join(folder, "docker.sock");
  const containers: FakeContainer[] = [];
  const calls: string[] = [];
  const faults: { readonly call: RegExp; readonly fault: Fault }[] = [];
  const waits: { readonly container: FakeContainer; readonly response: ServerResponse }[] = [];
  const follows: { readonly container: FakeContainer; readonly response: ServerResponse; sent: number }[] = [];
  const hung = new Set<ServerResponse>();
  let server: Server | null = null;
  let made = 0;

  const find = (idOrName: string): FakeContainer | undefined =>
    containers.find(({ id, name }) => id === idOrName || name === idOrName);

  function exit(container: FakeContainer, code: number, oomKilled = false): void {
    if (container.state !== "running") return;
    container.state = "exited";
    container.exitCode = code;
    container.oomKilled = oomKilled;
    for (const wait of waits.splice(0)) {
      if (wait.container === container) wait.response.end(JSON.stringify({ StatusCode: code, Error: null }));
      else waits.push(wait);
    }
    sendLogs();
  }

  function sendLogs(): void {
    for (const follow of follows) {
      for (const { stream, text } of follow.container.log.slice(follow.sent)) {
        const body = Buffer.from(text);
        const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
        head.writeUInt32BE(body.length, 4);
        follow.response.write(Buffer.concat([head, body]));
      }
      follow.sent = follow.container.log.length;
      if (follow.container.state === "exited") follow.response.end();
    }
  }

  function add(name: string, spec: FakeContainer["spec"], created = Date.now() / 1000): FakeContainer {
    made += 1;
    const container: FakeContainer = {
      id: `${String(made).padStart(4, "0")}${"a".repeat(60)}`,
      name,
      spec,
      created,
      state: "created",
      startedAt: "0001-01-01T00:00:00Z",
      exitCode: 0,
      oomKilled: false,
      signals: [],
      onSignal: (signal) => {
        if (signal === "SIGTERM") exit(container, 0);
        if (signal === "SIGKILL") exit(container, 137);
      },
      log: [],
    };
    containers.push(container);
    return container;
  }

  const hasLabels = (labels: Readonly<Record<string, string>> | undefined, query: URLSearchParams): boolean => {
    const { label } = JSON.parse(query.get("filters") ?? '{"label":[]}') as { label: readonly string[] };
    return label.every((pair) => labels?.[pair.split("=")[0] ?? ""] === pair.split("=")[1]);
  };

  const engine: FakeEngine = {
    address: `unix://${socket}`,
    containers,
    calls,
    images: new Map([["hive-worker", { Id: "sha256:1" }]]),
    nameless: new Map(),
    volumes: new Map(),
    networks: new Map(),
    version: { Version: "20.10.24", ApiVersion: "1.41", MinAPIVersion: "1.12", Os: "linux" },
    build: () => [{ stream: "Step 1/1 : FROM x\n" }],
    failNext: (call, fault) => void faults.push({ call, fault }),
    container(name) {
      const container = find(name);
      if (container === undefined) throw new Error(`the fake engine has no container ${name}`);
      return container;
    },
    add(name, labels, state, created) {
      const container = add(name, { Labels: labels }, created);
      container.state = state;
      if (state !== "created") container.startedAt = "2026-01-01T00:00:00.000000001Z";
      return container;
    },
    say(name, text, stream = "stderr") {
      const container = engine.container(name);
      const at = `2026-01-01T00:00:00.${String(container.log.length + 1).padStart(9, "0")}Z`;
      container.log.push({ stream: stream === "stderr" ? 2 : 1, text: `${at} ${text}\n` });
      sendLogs();
    },
    exit: (name, code, options = {}) => exit(engine.container(name), code, options.oomKilled),
    async away() {
      const gone = server;
      server = null;
      waits.length = 0;
      follows.length = 0;
      await new Promise<void>((resolve) => {
        if (gone === null) resolve();
        else gone.close(() => resolve());
        gone?.closeAllConnections();
      });
    },
    async back() {
      const next = createServer((request, response) => {
        void answer(request, response).catch((error: unknown) => {
          response.destroy(error instanceof Error ? error : new Error(String(error)));
        });
      });
      server = next;
      await new Promise<void>((resolve) => void next.listen(socket, resolve));
    },
    async close() {
      for (const response of hung) response.destroy();
      await engine.away();
      await rm(folder, { recursive: true, force: true });
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(`http://docker${request.url}`);
    const path = pathname.replace(/^\/v[\d.]+\//, "/");
    const call = `${request.method} ${path}${searchParams.size === 0 ? "" : `?${decodeURIComponent(searchParams.toString())}`}`;
    calls.push(call);
    const index = faults.findIndex((one) => one.call.test(call));
    const fault = index === -1 ? undefined : faults.splice(index, 1)[0]?.fault;
    if (fault === "hang") {
      hung.add(response);
      return;
    }
    if (fault === "cut") {
      response.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (fault !== undefined && fault !== "lost answer") {
      say(response, fault.status, { message: fault.message });
      return;
    }
    const lost = fault === "lost answer";
    await carryOut(call, path, searchParams, Buffer.concat(chunks), response, lost);
    if (lost) response.destroy();
  }

  function say(response: ServerResponse, status: number, body?: object): void {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  async function carryOut(
    call: string,
    path: string,
    query: URLSearchParams,
    body: Buffer,
    response: ServerResponse,
    lost: boolean,
  ): Promise<void> {
    const reply = (status: number, said?: object): void => {
      if (!lost) say(response, status, said);
    };
    const [, kind, id = "", verb] = path.split("/").map((part) => decodeURIComponent(part));
    if (path === "/_ping") return reply(200, {});
    if (path === "/version") return reply(200, engine.version);
    if (path === "/info")
      return reply(200, { MemoryLimit: true, PidsLimit: true, CpuCfsQuota: true, OperatingSystem: "Fake" });
    if (path === "/build") {
      response.writeHead(200, { "content-type": "application/json" });
      for await (const line of engine.build(body, query)) response.write(`${JSON.stringify(line)}\r\n`);
      if (lost) return;
      response.end();
      return;
    }
    if (path === "/images/json") {
      const { dangling, label } = JSON.parse(query.get("filters") ?? "{}") as Record<string, readonly string[]>;
      const isAsked = dangling?.[0] === "true" && label?.[0] === "hive.source";
      return reply(200, isAsked ? [...engine.nameless].map(([Id, Created]) => ({ Id, Created })) : []);
    }
    if (kind === "images" && call.startsWith("DELETE"))
      return engine.nameless.delete(id) ? reply(200, []) : reply(404, { message: `No such image: ${id}` });
    if (kind === "images") {
      const name = path.slice("/images/".length, -"/json".length);
      const image = engine.images.get(decodeURIComponent(name));
      return image === undefined ? reply(404, { message: `No such image: ${name}` }) : reply(200, image);
    }
    if (kind === "volumes" || kind === "networks") {
      const things = engine[kind];
      if (call.startsWith("DELETE")) return things.delete(id) ? reply(204) : reply(404, { message: "no such thing" });
      const listed = [...things].filter(([, labels]) => hasLabels(labels, query));
      if (kind === "networks")
        return reply(
          200,
          listed.map(([Name, Labels]) => ({ Id: Name, Name, Labels })),
        );
      return reply(200, { Volumes: listed.map(([Name, Labels]) => ({ Name, Labels })) });
    }
    if (path === "/containers/create") {
      const name = query.get("name") ?? "";
      if (find(name) !== undefined)
        return reply(409, { message: `Conflict. The container name "/${name}" is already in use` });
      const spec = JSON.parse(body.toString()) as FakeContainer["spec"] & { readonly Image: string };
      if (!engine.images.has(spec.Image)) return reply(404, { message: `No such image: ${spec.Image}` });
      return reply(201, { Id: add(name, spec).id, Warnings: [] });
    }
    if (path === "/containers/json") {
      const listed = containers.filter(({ spec }) => hasLabels(spec.Labels, query));
      return reply(
        200,
        listed.map((one) => ({
          Id: one.id,
          Names: [`/${one.name}`],
          Labels: one.spec.Labels ?? {},
          State: one.state,
          Created: one.created,
        })),
      );
    }
    const container = find(id);
    if (container === undefined) return reply(404, { message: `No such container: ${id}` });
    if (call.startsWith("DELETE")) {
      exit(container, 137);
      containers.splice(containers.indexOf(container), 1);
      return reply(204);
    }
    switch (verb) {
      case "start":
        if (container.state === "running") return reply(304);
        container.state = "running";
        container.startedAt = "2026-01-01T00:00:00.000000001Z";
        return reply(204);
      case "kill":
        if (container.state !== "running") return reply(409, { message: `Container ${id} is not running` });
        container.signals.push(query.get("signal") ?? "");
        container.onSignal(query.get("signal") ?? "");
        return reply(204);
      case "wait":
        response.writeHead(200, { "content-type": "application/json" });
        response.flushHeaders();
        if (container.state === "running") waits.push({ container, response });
        else response.end(JSON.stringify({ StatusCode: container.exitCode }));
        return;
      case "logs": {
        response.writeHead(200);
        response.flushHeaders();
        const since = query.get("since") ?? "0";
        const nanos = since.startsWith("1767225600.") ? Number(since.slice("1767225600.".length)) : 0;
        follows.push({ container, response, sent: Math.max(0, nanos - 1) });
        sendLogs();
        return;
      }
      case "json":
        return reply(200, {
          Id: container.id,
          Name: `/${container.name}`,
          State: {
            Status: container.state,
            Running: container.state === "running",
            OOMKilled: container.oomKilled,
            ExitCode: container.exitCode,
            Error: "",
            StartedAt: container.startedAt,
            FinishedAt: "2026-01-01T00:00:01Z",
          },
          Config: { Labels: container.spec.Labels ?? {} },
        });
      default:
        return reply(404, { message: "page not found" });
    }
  }

  await engine.back();
  return engine;
}
