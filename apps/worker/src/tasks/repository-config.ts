/**
 * `.hive/config.yaml`: what a repository says about itself. It is read at the base commit and never from the working
 * copy, so that an agent cannot change the commands its own work is judged by.
 */
import { parseDocument } from "yaml";
import { z } from "zod";

/** Where the file is. */
export const CONFIG_PATH = ".hive/config.yaml";
/** Characters of the largest file that is taken. */
const CONFIG_LONGEST = 64 * 1_024;

const line = z.string().trim().min(1, "must not be empty").max(8_192);
// One line is a list of one; anything that is neither is told as such.
const commands = z.preprocess(
  (value) => (typeof value === "string" ? [value] : value),
  z.array(line, "must be a shell line or a list of them").min(1).max(50),
);
const inside = z
  .string()
  .min(1)
  .max(512)
  .transform((path) => path.replace(/\/+$/, ""))
  .refine(isInside, "must be a path inside the repository");
const cachePath = z
  .string()
  .min(1)
  .max(512)
  .transform((path) => path.replace(/\/+$/, ""))
  .refine((path) => isInside(path.replace(/^~\//, "")), "must be a path inside the repository, or one below ~/");
const cacheKey = z.preprocess((value) => (typeof value === "string" ? [value] : value), z.array(inside).min(1).max(20));
// A path alone is a cache that no file invalidates.
const cache = z.preprocess(
  (value) => (typeof value === "string" ? { path: value } : value),
  z.strictObject({ path: cachePath, key: cacheKey.default([]) }),
);

const schema = z.strictObject({
  /** Shell lines that run before any task, in order; one that fails ends the job. */
  setup: commands.optional(),
  /** What the task `build` runs. */
  build: commands.optional(),
  /** What the task `test` runs. */
  test: commands.optional(),
  /** What the task `lint` runs. */
  lint: commands.optional(),
  /** Folders worth keeping between jobs: of the repository, or of the job's home (`~/`). */
  caches: z.array(cache).max(20).refine(areApart, "must not name a folder twice, or one inside another").optional(),
});

/** The settings of a repository. Commands are lists of shell lines. */
export type RepositoryConfig = z.infer<typeof schema>;
/** One folder worth keeping; `key` names files whose content at base decides whether it still fits. */
export type DeclaredCache = NonNullable<RepositoryConfig["caches"]>[number];

/** Whether a path stays in its folder, is not the folder itself and is not git's own. */
function isInside(path: string): boolean {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || part.toLowerCase() === ".git")) return false;
  return !path.startsWith("~") && !/[\p{Cc}\\]/u.test(path);
}

function areApart(caches: readonly { readonly path: string }[]): boolean {
  const paths = caches.map(({ path }) => `${path}/`);
  return paths.every((one, at) => paths.every((other, there) => at === there || !other.startsWith(one)));
}

/** Reads the text of the file; null (no such file) is an empty configuration. The message names every problem. */
export function parseRepositoryConfig(
  text: string | null,
): { readonly ok: true; readonly config: RepositoryConfig } | { readonly ok: false; readonly message: string } {
  if (text === null || text.trim() === "") return { ok: true, config: {} };
  if (text.length > CONFIG_LONGEST) {
    return { ok: false, message: `${CONFIG_PATH} has ${text.length} characters; at most ${CONFIG_LONGEST} are taken` };
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const [broken] = document.errors;
  if (broken) return { ok: false, message: `${CONFIG_PATH} is not YAML: ${broken.message.split("\n")[0]}` };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 20 });
  } catch (error) {
    return {
      ok: false,
      message: `${CONFIG_PATH} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  if (value === null) return { ok: true, config: {} };
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, config: parsed.data };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`);
  return { ok: false, message: `${CONFIG_PATH} at the base branch is not valid: ${problems.join("; ")}` };
}
