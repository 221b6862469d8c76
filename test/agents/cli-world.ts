/**
 * A real agent program in a folder of its own, run by its adapter against the scripted models, without server, worker
 * and gateway: what the adapter believes about flags, streams and the repository's own settings is checked on the
 * program itself. A new version of it that behaves otherwise fails here.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type AgentSettings, DEFAULT_AGENT_SETTINGS } from "@hive/protocol";
import { claudeAdapter } from "../../apps/worker/src/agents/claude.ts";
import { codexAdapter } from "../../apps/worker/src/agents/codex.ts";
import type { AgentAdapter, AgentEnd, AgentEvent, AgentInput } from "../../apps/worker/src/agents/contract.ts";
import { geminiAdapter } from "../../apps/worker/src/agents/gemini.ts";
import { opencodeAdapter } from "../../apps/worker/src/agents/opencode.ts";
import { type RunAgentOptions, runAgent } from "../../apps/worker/src/agents/run-agent.ts";
import type { RunResult } from "../../apps/worker/src/process/run.ts";
import { type ModelServer, startModels } from "../peers/models/model-server.ts";

/** One agent program and the model its tests ask for. */
export interface Cli {
  readonly adapter: AgentAdapter;
  readonly model: string;
}

export const CLIS: readonly Cli[] = [
  { adapter: claudeAdapter, model: "sonnet" },
  { adapter: codexAdapter, model: "gpt-5.1-codex" },
  { adapter: opencodeAdapter, model: "anthropic/claude-sonnet-5-5" },
  { adapter: geminiAdapter, model: "gemini-3.1-pro-preview" },
];

const peers = join(import.meta.dirname, "../peers");

/** True where the program is installed. */
export function isInstalled({ adapter: { name } }: Cli): boolean {
  return existsSync(join(binOf(name), name));
}

/** How to install it. */
export function installLine({ adapter: { name } }: Cli): string {
  return `npm ci --prefix test/peers/${name}`;
}

function binOf(name: string): string {
  return join(peers, name, "node_modules/.bin");
}

/** What one run did. */
export interface CliRun {
  readonly end: AgentEnd;
  readonly run: RunResult;
  readonly events: readonly AgentEvent[];
  readonly log: string;
}

/** Places of one job. */
export interface CliJob {
  readonly input: AgentInput;
  /** The folder above all of them. */
  readonly at: string;
}

export interface CliWorld {
  readonly models: ModelServer;
  /** A job with an empty home and an empty repository. */
  job(cli: Cli, given: JobGiven): Promise<CliJob>;
  /** Puts files into its repository. */
  addFiles(input: AgentInput, files: Readonly<Record<string, string>>): Promise<void>;
  run(cli: Cli, input: AgentInput, options?: Partial<RunAgentOptions>): Promise<CliRun>;
  stop(): Promise<void>;
}

export interface JobGiven {
  readonly prompt: string;
  readonly settings?: Partial<AgentSettings>;
}

/** Starts the scripted models and a way to them that has the gateway's paths. */
export async function openCliWorld(): Promise<CliWorld> {
  const folder = await mkdtemp(join(tmpdir(), "hive-cli-"));
  const models = await startModels();
  const gateway = await startPathGateway(models.url);
  let number = 0;
  return {
    models,
    async job({ adapter: { name }, model }, { prompt, settings = {} }) {
      number += 1;
      const at = join(folder, String(number));
      const places = { workspace: join(at, "work/repo"), home: join(at, "home"), output: join(at, "output") };
      for (const place of Object.values(places)) await mkdir(place, { recursive: true });
      const path = [binOf(name), process.env["PATH"] ?? "/usr/bin:/bin"].join(delimiter);
      return {
        at,
        input: {
          ...places,
          env: { PATH: path, HOME: places.home, TMPDIR: at, LANG: "C.UTF-8", TERM: "dumb", CI: "true" },
          prompt,
          instructions: prompt,
          llmBaseUrl: gateway.url,
          llmToken: "lease.token.value",
          settings: { ...DEFAULT_AGENT_SETTINGS, model, ...settings },
          resume: null,
        },
      };
    },
    async addFiles({ workspace }, files) {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(workspace, path)), { recursive: true });
        await writeFile(join(workspace, path), text);
      }
    },
    async run({ adapter }, input, options = {}) {
      const events: AgentEvent[] = [];
      let log = "";
      const ran = await runAgent({
        adapter,
        input,
        user: undefined,
        signal: new AbortController().signal,
        timeoutMs: 90_000,
        idleTimeoutMs: null,
        maxOutputBytes: 100_000_000,
        log: (bytes) => {
          log += Buffer.from(bytes).toString();
          return Promise.resolve();
        },
        onEvent: (event) => events.push(event),
        ...options,
      });
      return { ...ran, events, log };
    },
    async stop() {
      await gateway.close();
      await models.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Passes `/llm/<provider>/…` on as `/…`, as the gateway does, and nothing else of what the gateway does. */
async function startPathGateway(target: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    const path = (incoming.url ?? "/").replace(/^\/llm\/\w+/, "");
    const { host: _, ...headers } = incoming.headers;
    const onward = request(new URL(path, target), { method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
