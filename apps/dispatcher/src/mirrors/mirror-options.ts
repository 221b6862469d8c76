/** Settings of the repository mirrors for workers in containers. */

import { z } from "zod";
import { option } from "../option.ts";

export const mirrorOptions = {
  mirrorData: option(
    "HIVE_MIRROR_DATA",
    "mirrorData",
    z.string().min(1).optional(),
    "The folder of repository mirrors and of what is handed out to workers in containers. Default mirrors in the data folder.",
  ),
  mirrorDays: option(
    "HIVE_MIRROR_DAYS",
    "mirrorDays",
    z.coerce.number().min(0).max(3650).default(30),
    "Days a mirror is kept after its last use. Default 30.",
  ),
  mirrorBytes: option(
    "HIVE_MIRROR_BYTES",
    "mirrorBytes",
    z.coerce.number().int().min(0).default(53_687_091_200),
    "Bytes of all mirrors together; the ones not used for longest go first. Default 50 GiB.",
  ),
  mirrorFreeBytes: option(
    "HIVE_MIRROR_FREE_BYTES",
    "mirrorFreeBytes",
    z.coerce.number().int().min(0).default(1_073_741_824),
    "Bytes of the mirrors' disk that stay free: below, mirrors go and no repository is fetched. Default 1 GiB.",
  ),
} as const;
