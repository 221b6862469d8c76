/** What we read of the Docker Engine's answers; it says much more. Names are the engine's own. */

import { z } from "zod";

const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

export const versionReply = z.object({
  Version: z.string(),
  ApiVersion: z.string().regex(/^\d+\.\d+$/),
  /** Absent where the engine is Podman. */
  MinAPIVersion: z.string().optional(),
  Os: z.string().default("linux"),
});

export const infoReply = z.object({
  MemoryLimit: z.boolean().default(true),
  PidsLimit: z.boolean().default(true),
  CpuCfsQuota: z.boolean().default(true),
  OperatingSystem: z.string().default(""),
});

export const createReply = z.object({ Id: z.string().min(1) });

export const waitReply = z.object({
  StatusCode: z.int(),
  Error: z.object({ Message: z.string() }).nullish(),
});

export const listedContainer = z.object({
  Id: z.string().min(1),
  Names: z
    .array(z.string())
    .nullish()
    .transform((names) => names ?? []),
  Labels: labels,
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`; engines to come may know more. */
  State: z.string(),
  /** Seconds since 1970. */
  Created: z.number(),
});
export type ListedContainer = z.infer<typeof listedContainer>;

export const inspectedContainer = z.object({
  Id: z.string().min(1),
  Name: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    OOMKilled: z.boolean().default(false),
    ExitCode: z.int(),
    /** The year 1 when it never was. */
    StartedAt: z.string(),
  }),
  Config: z.object({ Labels: labels }),
});
export type InspectedContainer = z.infer<typeof inspectedContainer>;

export const inspectedImage = z.object({
  Id: z.string().min(1),
  RepoDigests: z
    .array(z.string())
    .nullish()
    .transform((digests) => digests ?? []),
  Config: z
    .object({
      Volumes: z.record(z.string(), z.unknown()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
});
export type InspectedImage = z.infer<typeof inspectedImage>;

export const imagesReply = z.array(z.object({ Id: z.string().min(1), Created: z.number() }));

export const volumesReply = z.object({
  Volumes: z
    .array(z.object({ Name: z.string(), Labels: labels }))
    .nullish()
    .transform((volumes) => volumes ?? []),
});

export const networksReply = z.array(z.object({ Id: z.string(), Name: z.string(), Labels: labels }));

/** One line of a build's answer. */
export const buildLine = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
});
