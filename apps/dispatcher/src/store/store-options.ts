/** Settings of where jobs are kept. */

import { z } from "zod";
import { option } from "../option.ts";

const PLACES = "must be sqlite, memory or an address such as redis://localhost:6379/0";

const storeSchema = z.string().refine((text) => text === "sqlite" || text === "memory" || isRedisUrl(text), PLACES);

export const storeOptions = {
  store: option(
    "HIVE_STORE",
    "store",
    storeSchema.default("sqlite"),
    "Where jobs are kept: sqlite, redis://user:password@host:port/database (rediss: with TLS), or memory, which forgets everything at the end. Default sqlite.",
  ),
  redisPrefix: option(
    "HIVE_REDIS_PREFIX",
    "redisPrefix",
    z
      .string()
      // No braces and no signs of patterns: all keys have it as their hash tag, and are looked for by it.
      .regex(/^[A-Za-z0-9_.-]{1,40}$/, "must be 1 to 40 letters, digits and _ . -")
      .default("hive"),
    "What the names of all keys in Redis begin with, in braces: a Redis can hold several Hives. Default hive.",
  ),
  durability: option(
    "HIVE_DURABILITY",
    "durability",
    z.enum(["strict", "relaxed"], "must be strict or relaxed").default("strict"),
    "What to do about a Redis that may lose what it acknowledged: strict refuses it, relaxed starts and says so. Default strict.",
  ),
} as const;

/** True for the address of a Redis. */
export function isRedisUrl(text: string): boolean {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { hostname, pathname } = new URL(text);
  return hostname !== "" && /^(\/\d*)?$/.test(pathname);
}
