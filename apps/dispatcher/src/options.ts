/**
 * The table of the dispatcher's settings: of each its name in the environment, its key in `hive.yaml`, what may stand
 * there and what it is for. `config.ts` reads them.
 */

import { MAX_EGRESS_ENTRIES } from "@hive/core";
import { egressEntrySchema } from "@hive/protocol";
import { z } from "zod";
import { agentsSchema } from "./agents/agent-settings.ts";
import { stuckSchema } from "./agents/stuck-settings.ts";
import { budgetsSchema } from "./budgets/budget-settings.ts";
import { endpointKeysSchema } from "./callbacks/endpoint-keys.ts";
import { repoRulesSchema } from "./credentials/repo-rules.ts";
import { poolsSchema } from "./fleet/pool-settings.ts";
import { llmSchema } from "./gateway/llm-settings.ts";
import { mirrorOptions } from "./mirrors/mirror-options.ts";
import { notifySchema } from "./notify/notify-settings.ts";
import { type Option, option } from "./option.ts";
import { pricesSchema } from "./prices/price.ts";
import { schedulesSchema } from "./schedules/schedule-settings.ts";
import { sourcesSchema } from "./sources/source-settings.ts";
import { storeOptions } from "./store/store-options.ts";

const flag = z
  .union([z.boolean(), z.enum(["1", "0", "true", "false", "yes", "no", ""])])
  .transform((value) => value === true || value === "1" || value === "true" || value === "yes");
const list = z
  .union([z.array(z.string()), z.string()])
  .transform((value) =>
    (Array.isArray(value) ? value : value.split(",")).map((part) => part.trim()).filter((part) => part !== ""),
  );
const url = z
  .url({ protocol: /^https?$/, message: "must be an http or https address" })
  .transform((text) => text.replace(/\/+$/, ""));
const egressList = list.pipe(z.array(egressEntrySchema).max(MAX_EGRESS_ENTRIES));
const token = z.string().min(16, "must have at least 16 characters");

export const table = {
  internalApiToken: option(
    "INTERNAL_API_TOKEN",
    null,
    token.optional(),
    "What people's programs present to the API. Several, for rotation, separated by commas. Made at the first start when absent.",
  ),
  callbackSecret: option(
    "CALLBACK_SECRET",
    null,
    token.optional(),
    "The root that workers and dispatcher share: workers prove themselves with it. Made at the first start when absent.",
  ),
  webhookSecret: option(
    "HIVE_WEBHOOK_SECRET",
    null,
    z
      .string()
      .regex(
        /^whsec_[A-Za-z0-9+/=]{32,}(,\s*whsec_[A-Za-z0-9+/=]{32,})*$/,
        "must be whsec_ and base64 of at least 24 bytes; several, for rotation, separated by commas",
      )
      .optional(),
    "Signs callbacks (Standard Webhooks). Never shared with workers. Made at the first start when absent.",
  ),
  sealingKeys: option(
    "HIVE_SEALING_KEYS",
    null,
    z.string().optional(),
    "Keys that seal job secrets at rest, `id:base64` of 32 bytes, newest first, separated by commas. Made at the first start when absent.",
  ),
  signingKey: option(
    "HIVE_SIGNING_KEY",
    null,
    z.string().optional(),
    "The Ed25519 private key that signs lease tokens (PKCS 8, base64). Made at the first start when absent.",
  ),
  port: option(
    "HIVE_PORT",
    "port",
    z.coerce.number().int().min(0).max(65535).default(8099),
    "The port to listen on. Default 8099; 0 takes a free one.",
  ),
  host: option(
    "HIVE_HOST",
    "host",
    z.string().min(1).default("127.0.0.1"),
    "The address to listen on. Default 127.0.0.1: this machine only.",
  ),
  publicUrl: option(
    "HIVE_PUBLIC_URL",
    "publicUrl",
    url.optional(),
    "How people reach this server, for links in replies and pull requests. Default http://localhost and the port.",
  ),
  advertiseUrl: option(
    "HIVE_ADVERTISE_URL",
    "advertiseUrl",
    url.optional(),
    "How other dispatchers on the same Redis reach this one. Default http, this machine's name and the port; the loopback address where only that is listened on.",
  ),
  data: option(
    "HIVE_DATA",
    "data",
    z.string().min(1).default("hive-data"),
    "The folder of everything the server keeps. Default hive-data.",
  ),
  run: option(
    "HIVE_RUN",
    "run",
    z.string().min(1).optional(),
    "The folder that workers in containers have mounted: the socket to this server is in it. Default: run in the data folder.",
  ),
  shareCallbackSecret: option(
    "HIVE_SHARE_CALLBACK_SECRET",
    null,
    flag.default(false),
    "Puts CALLBACK_SECRET into HIVE_RUN, for long-lived workers that have it mounted. Default off.",
  ),
  command: option(
    "HIVE_COMMAND",
    null,
    z.string().min(1).optional(),
    "How a person calls `hive` for this server: what a 401 and the start tell them to type. Default: npm run hive --, and to source secrets.env.",
  ),
  ...storeOptions,
  workers: option(
    "HIVE_WORKERS",
    "workers",
    z.coerce.number().int().min(0).max(1_000).optional(),
    "Workers this server starts: as processes so many, in containers at most so many at once; 0 none. Default 2 processes or 10 containers; with pools: what they say.",
  ),
  fleet: option(
    "HIVE_FLEET",
    "fleet",
    z.enum(["auto", "docker", "process"], "must be auto, docker or process").default("auto"),
    "Where workers run: docker (a container for each job), process (on this machine, nothing isolates), auto: docker where an engine is found. Default auto.",
  ),
  dockerHost: option(
    "HIVE_DOCKER_HOST",
    "dockerHost",
    z
      .string()
      .regex(/^unix:\/\/\/./, "must be a Unix socket of this machine, such as unix:///var/run/docker.sock")
      .optional(),
    "The Docker Engine's socket. Default unix:///var/run/docker.sock.",
  ),
  workerImage: option(
    "HIVE_WORKER_IMAGE",
    "workerImage",
    z.string().min(1).optional(),
    "The image of workers in containers. Default hive-worker, built from this checkout when it is missing.",
  ),
  agentClis: option(
    "HIVE_AGENT_CLIS",
    "agentClis",
    z
      .string()
      .regex(
        /^\s*((@[\w.-]+\/)?[\w.-]+@\d+(\.\d+)+(\s+|$))*$/,
        "must be npm packages with their versions, such as @anthropic-ai/claude-code@2.1.330, separated by spaces",
      )
      .optional(),
    "npm packages of agents, each as name@version, for the worker image that this server builds. Default none.",
  ),
  baseImage: option(
    "HIVE_BASE_IMAGE",
    "baseImage",
    z.string().min(1).optional(),
    "What the worker image that this server builds is based on: a Debian with Node 24 or newer. Default node:26-bookworm-slim.",
  ),
  buildTools: option(
    "HIVE_BUILD_TOOLS",
    "buildTools",
    flag.default(true),
    "Puts the C and C++ compiler into the worker image that this server builds. Default on.",
  ),
  pools: option(
    "HIVE_POOLS",
    "pools",
    poolsSchema.optional(),
    "Kinds of workers, in hive.yaml only. Default: one pool named default.",
  ),
  agent: option(
    "HIVE_AGENT",
    "agent",
    z.string().optional(),
    "The agent for jobs that name none: claude, codex, opencode, gemini, command, demo or one of `agents`. Default: the one whose provider has a key.",
  ),
  agents: option(
    "HIVE_AGENTS",
    "agents",
    agentsSchema.default({}),
    "Models, arguments, tools, words and MCP servers of agents, and agents that are any command; in hive.yaml only. Default none.",
  ),
  stuck: option(
    "HIVE_STUCK",
    "stuck",
    stuckSchema.default(stuckSchema.parse({})),
    "When an agent counts as stuck: silent, repeating itself, or changing nothing; in hive.yaml only.",
  ),
  agentCommand: option(
    "HIVE_AGENT_COMMAND",
    "agentCommand",
    z.string().optional(),
    "The shell command line of the `command` agent; the prompt comes on its standard input.",
  ),
  claudeModel: option(
    "HIVE_CLAUDE_MODEL",
    "claudeModel",
    z.string().optional(),
    "The model Claude Code is asked to use. Default: its own.",
  ),
  callbackUrl: option(
    "HIVE_CALLBACK_URL",
    "callbackUrl",
    url.optional(),
    "Called back about jobs that name no callbackUrl of their own.",
  ),
  callbackKeys: option(
    "HIVE_CALLBACK_KEYS",
    "callbackKeys",
    endpointKeysSchema.default([]),
    "Keys of their own for addresses that are called back; in hive.yaml only. Default: all are signed with HIVE_WEBHOOK_SECRET.",
  ),
  allowFileRepos: option(
    "HIVE_ALLOW_FILE_REPOS",
    "allowFileRepos",
    flag.default(false),
    "Takes file:// repositories: anybody with a token can then read every repository this server's user can. Default off.",
  ),
  allowPrivateAddresses: option(
    "HIVE_ALLOW_PRIVATE_ADDRESSES",
    "allowPrivateAddresses",
    list.default([]),
    "Networks (CIDR) a job's body may name although they are private, and the only ones plain http repositories are taken from. Default none.",
  ),
  allowUnisolated: option(
    "HIVE_ALLOW_UNISOLATED",
    "allowUnisolated",
    flag.default(false),
    "Runs real agents without a container engine, as a process of this machine. Default off: such jobs are held.",
  ),
  githubApiUrl: option(
    "GITHUB_API_URL",
    "githubApiUrl",
    url.default("https://api.github.com"),
    "The GitHub API; for GitHub Enterprise https://HOST/api/v3. Default https://api.github.com.",
  ),
  maxWaiting: option(
    "HIVE_MAX_WAITING",
    "maxWaiting",
    z.coerce.number().int().min(1).default(1_000_000),
    "How many jobs may wait; beyond it 503. Default 1,000,000.",
  ),
  keepDays: option(
    "HIVE_KEEP_DAYS",
    "keepDays",
    z.coerce.number().min(0).max(36_500).default(90),
    "Days a job is kept after its end, with its events and attempts. Default 90; 0: for ever.",
  ),
  keepJobs: option(
    "HIVE_KEEP_JOBS",
    "keepJobs",
    z.coerce.number().int().min(0).default(100_000),
    "How many jobs that are over are kept; the ones that ended first go first, but none in its first hour. Default 100,000; 0: any number.",
  ),
  keepLogDays: option(
    "HIVE_KEEP_LOG_DAYS",
    "keepLogDays",
    z.coerce.number().min(0).max(36_500).default(30),
    "Days the logs and artifacts of a job are kept after its end. Default 30; 0: as long as the job.",
  ),
  idRetention: option(
    "HIVE_ID_RETENTION",
    "idRetention",
    z.coerce.number().min(1).max(36_500).default(365),
    "Days after a job's end in which its id is remembered, so that the same request is still the same job. Default 365.",
  ),
  cacheBytes: option(
    "HIVE_CACHE_BYTES",
    "cacheBytes",
    z.coerce.number().int().min(0).default(10_737_418_240),
    "Bytes of all dependency caches together; the ones not used for longest go first. Default 10 GiB; 0 keeps none.",
  ),
  redisLogBytes: option(
    "HIVE_REDIS_LOG_BYTES",
    "redisLogBytes",
    z.coerce.number().int().min(4096).default(4_194_304),
    "Bytes kept of the log of one attempt when jobs are in Redis: its beginning and its end, half each. Default 4 MiB.",
  ),
  redisArtifactBytes: option(
    "HIVE_REDIS_ARTIFACT_BYTES",
    "redisArtifactBytes",
    z.coerce.number().int().min(0).default(33_554_432),
    "Bytes a file of an attempt may have when jobs are in Redis; larger ones are refused. Default 32 MiB.",
  ),
  ...mirrorOptions,
  leaseMs: option(
    "HIVE_LEASE_MS",
    "leaseMs",
    z.coerce.number().int().min(1000).max(600_000).default(30_000),
    "Milliseconds a lease lasts without a heartbeat. Default 30,000.",
  ),
  anthropicApiKey: option(
    "ANTHROPIC_API_KEY",
    null,
    z.string().min(1).optional(),
    "The key of the LLM gateway for Claude. Stays on this server; no worker ever sees it.",
  ),
  anthropicBaseUrl: option(
    "ANTHROPIC_BASE_URL",
    "anthropicBaseUrl",
    url.default("https://api.anthropic.com"),
    "Where the LLM gateway sends Messages API calls. Default https://api.anthropic.com.",
  ),
  openaiApiKey: option(
    "OPENAI_API_KEY",
    null,
    z.string().min(1).optional(),
    "The key of the LLM gateway for OpenAI. Stays on this server; no worker ever sees it.",
  ),
  geminiApiKey: option(
    "GEMINI_API_KEY",
    null,
    z.string().min(1).optional(),
    "The key of the LLM gateway for Gemini. Stays on this server; no worker ever sees it.",
  ),
  llm: option(
    "HIVE_LLM",
    "llm",
    llmSchema.default({}),
    "Providers of models: addresses, several keys, how many calls at once; in hive.yaml only. Default: the keys of the environment.",
  ),
  logPrompts: option(
    "HIVE_LOG_PROMPTS",
    "logPrompts",
    flag.default(false),
    "Writes what agents and models say into the server's log: secrets, source code, everything. Default off.",
  ),
  log: option(
    "HIVE_LOG",
    "log",
    z.enum(["text", "json", "off"]).default("text"),
    "How the server logs: text for people, json for programs, off. Default text.",
  ),
  egress: option(
    "HIVE_EGRESS",
    "egress",
    egressList.default(["registries"]),
    "Hosts that jobs may reach on workers whose pool says nothing else: host, host:port, *.host, registries, *. Default registries.",
  ),
  egressConnections: option(
    "HIVE_EGRESS_CONNECTIONS",
    "egressConnections",
    z.coerce.number().int().min(1).max(10_000).default(64),
    "How many connections to the outside a job may have at once. Default 64.",
  ),
  egressBytes: option(
    "HIVE_EGRESS_BYTES",
    "egressBytes",
    z.coerce
      .number()
      .int()
      .min(1)
      .default(20 * 1_073_741_824),
    "How many bytes one attempt of a job may send to and receive from the outside in all. Default 20 GiB.",
  ),
  budgets: option(
    "HIVE_BUDGETS",
    "budgets",
    budgetsSchema,
    "What model calls may use: of each job (`job`) and of all jobs of a day (`day`); in hive.yaml only. Default 5 USD a job, 50 USD a day.",
  ),
  prices: option(
    "HIVE_PRICES",
    "prices",
    pricesSchema,
    "Prices by model, before those Hive comes with; in hive.yaml only. Default none.",
  ),
  schedules: option(
    "HIVE_SCHEDULES",
    "schedules",
    schedulesSchema.default({}),
    "Clocks that make jobs, by id; in hive.yaml only. See docs/schedules.md. Default none.",
  ),
  sources: option(
    "HIVE_SOURCES",
    "sources",
    sourcesSchema.prefault({}),
    "What makes jobs of what other systems say, by id; in hive.yaml only. See docs/sources.md. Default none.",
  ),
  notify: option(
    "HIVE_NOTIFY",
    "notify",
    notifySchema.prefault({}),
    "Over which channels people are told of what, by name; in hive.yaml only. See docs/notifications.md. Default none.",
  ),
  repos: option(
    "HIVE_REPOS",
    "repos",
    repoRulesSchema.default([]),
    "Credentials and limits by repository; in hive.yaml only. See the section on repositories.",
  ),
} as const;

/** Every option, for the documents' test and `hive doctor`. */
export const options: readonly Option[] = Object.values(table);
