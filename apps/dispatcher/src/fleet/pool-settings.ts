/**
 * `pools:` in hive.yaml: what kinds of workers this server starts, and how many. The raw entries are checked here, each
 * problem with its value; {@link compilePools} then fills in what depends on the provider.
 */

import { MAX_EGRESS_ENTRIES } from "@hive/core";
import { egressEntrySchema, nameSchema } from "@hive/protocol";
import { z } from "zod";
import { parseHours, type Span } from "./hours.ts";

/** Providers of this machine that a pool may name. */
export const POOL_PROVIDERS = ["docker", "process"] as const;
export type ProviderName = (typeof POOL_PROVIDERS)[number];

/** A pool with every default filled in. */
export interface Pool {
  readonly name: string;
  readonly provider: ProviderName;
  readonly image: string | null;
  readonly roles: readonly string[];
  readonly labels: readonly string[];
  /** Workers there always are. */
  readonly min: number;
  /** Workers there may be at once, those that are leaving among them. */
  readonly max: number;
  /** Workers kept waiting for work, beyond those that have some. */
  readonly warm: number;
  readonly cpus: number | null;
  readonly memoryBytes: number | null;
  readonly diskBytes: number | null;
  readonly pids: number | null;
  /** The longest one job may run on its workers; null: as long as the job's own limit. */
  readonly timeoutMs: number | null;
  /** When it may start workers; empty: always. */
  readonly spans: readonly Span[];
  /** `spans` as they were written. */
  readonly hours: readonly string[];
  readonly paused: boolean;
  /** Hosts its jobs may reach; null: the server's list. */
  readonly egress: readonly string[] | null;
}

const BYTES: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_WORKERS = 1_000;
/** Docker refuses less. */
const MIN_MEMORY = 6 * 2 ** 20;

function bytes(least: number) {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const [, count, unit] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?$/i.exec(String(value).trim()) ?? [];
    const size = Math.floor(Number(count) * (BYTES[unit?.toLowerCase() ?? ""] ?? Number.NaN));
    if (Number.isSafeInteger(size) && size >= least) return size;
    const why = Number.isFinite(size) ? `is less than ${least} bytes` : 'is no size; write it like "4g" or "512m"';
    context.addIssue({ code: "custom", message: `${JSON.stringify(value)} ${why}` });
    return z.NEVER;
  });
}

const duration = z.union([z.number(), z.string()]).transform((value, context) => {
  const [, count, unit] = /^(\d+(?:\.\d+)?) ?([smhd])$/.exec(String(value).trim()) ?? [];
  const ms = Math.round(Number(count) * (MS[unit ?? ""] ?? Number.NaN));
  if (Number.isSafeInteger(ms) && ms >= 1_000 && ms <= 30 * (MS["d"] ?? 0)) return ms;
  context.addIssue({
    code: "custom",
    message: `${JSON.stringify(value)} is no time from 1s to 30d; write it like "90m" or "2h"`,
  });
  return z.NEVER;
});

const hours = z
  .union([z.string(), z.array(z.string()).max(50)])
  .transform((value) => (typeof value === "string" ? [value] : value))
  .transform((texts, context) => {
    const parsed = parseHours(texts);
    if (parsed.ok) return { texts, spans: parsed.spans };
    context.addIssue({ code: "custom", message: parsed.message });
    return z.NEVER;
  });

const count = z.int().min(0).max(MAX_WORKERS);

const poolSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, "must be 1 to 32 of a-z 0-9 - and begin and end with none of -")
    .refine((name) => name !== "worker", 'is taken: workers of the pool "default" are called hive-worker-1 and on'),
  provider: z.enum(POOL_PROVIDERS, `must be one of ${POOL_PROVIDERS.join(", ")}`).optional(),
  image: z
    .string()
    .regex(/^[a-z0-9][\w.:/@-]{0,254}$/i, "must be the name of an image")
    .optional(),
  roles: z.array(nameSchema).max(16).default([]),
  labels: z.array(nameSchema).max(32).default([]),
  min: count.optional(),
  max: count.optional(),
  warm: count.optional(),
  cpus: z.number().min(0.01).max(1_024).optional(),
  memory: bytes(MIN_MEMORY).optional(),
  disk: bytes(2 ** 20).optional(),
  pids: z.int().min(64).max(4_000_000).optional(),
  timeout: duration.optional(),
  hours: hours.optional(),
  paused: z.boolean().default(false),
  egress: z.array(egressEntrySchema).max(MAX_EGRESS_ENTRIES).optional(),
  /** The agent of jobs that name none and that this pool takes; the first such pool counts. */
  agent: nameSchema.optional(),
});
type PoolEntry = z.output<typeof poolSchema>;

/** What only a container can be given. */
const CONTAINER_ONLY = ["image", "cpus", "memory", "disk", "pids", "egress"] as const;

/** The list as hive.yaml has it. */
export const poolsSchema = z
  .array(poolSchema)
  .max(50)
  .superRefine((pools, context) => {
    const wrong = (index: number, key: string, message: string): void =>
      context.addIssue({ code: "custom", path: [index, key], message });
    const names = new Set<string>();
    pools.forEach((pool, index) => {
      if (names.has(pool.name)) wrong(index, "name", `there are two pools "${pool.name}"`);
      names.add(pool.name);
      const { min = 0, max, warm = 0 } = pool;
      if (max !== undefined && min > max) wrong(index, "min", `${min} is more than max, ${max}`);
      if (max !== undefined && warm > max) wrong(index, "warm", `${warm} is more than max, ${max}`);
      if (pool.provider !== "process") return;
      for (const key of CONTAINER_ONLY)
        if (pool[key] !== undefined) wrong(index, key, `a process cannot be given ${key}; use provider: docker`);
    });
  });

/** What the pools' defaults depend on. */
export interface PoolDefaults {
  /** The provider of pools that name none. */
  readonly provider: ProviderName;
  /** `HIVE_WORKERS`, when it was given. */
  readonly workers: number | undefined;
}

/** Workers of a docker pool at once, and of a process pool, where nothing says. */
const DEFAULT_MAX = { docker: 10, process: 2 } as const;
/** A container's memory and disk where nothing says: one job must not be able to take the whole machine. */
const DEFAULT_MEMORY = 4 * 2 ** 30;

/** The pools there are: those of hive.yaml, or one named `default`. */
export function compilePools(entries: readonly PoolEntry[] | undefined, defaults: PoolDefaults): readonly Pool[] {
  if (entries === undefined) {
    const alone = poolSchema.parse({ name: "default" });
    const max = defaults.workers;
    return [compile(max === undefined ? alone : { ...alone, max }, defaults.provider)];
  }
  return entries.map((entry) =>
    compile(entry, entry.provider ?? (needsContainer(entry) ? "docker" : defaults.provider)),
  );
}

function needsContainer(entry: PoolEntry): boolean {
  return CONTAINER_ONLY.some((key) => entry[key] !== undefined);
}

function compile(entry: PoolEntry, provider: ProviderName): Pool {
  const inContainer = provider === "docker";
  const max = entry.max ?? Math.max(DEFAULT_MAX[provider], entry.min ?? 0, entry.warm ?? 0);
  return {
    name: entry.name,
    provider,
    image: entry.image ?? null,
    roles: entry.roles,
    labels: entry.labels,
    // A process that waits costs little and starts slowly; a container is used up by its job.
    min: entry.min ?? (inContainer || entry.warm !== undefined ? 0 : max),
    max,
    warm: entry.warm ?? (inContainer ? Math.min(1, max) : 0),
    cpus: entry.cpus ?? null,
    memoryBytes: entry.memory ?? (inContainer ? DEFAULT_MEMORY : null),
    diskBytes: entry.disk ?? null,
    pids: entry.pids ?? null,
    timeoutMs: entry.timeout ?? null,
    spans: entry.hours?.spans ?? [],
    hours: entry.hours?.texts ?? [],
    paused: entry.paused,
    egress: entry.egress ?? null,
  };
}
