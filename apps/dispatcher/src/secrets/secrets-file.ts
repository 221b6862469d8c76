/**
 * The secrets a server makes for itself on its first start: `<HIVE_DATA>/secrets.env`, readable by its owner alone.
 * Without it a newcomer would have to invent five secrets before the first job, and would invent bad ones.
 *
 * Each line is `export NAME=value`, so a person can `source` the file. Hive reads it as text and never runs it. Any
 * setting of the server may be written there. A variable of the environment wins over the file. What is in the file is
 * never changed: a name that is in neither place (a first start, or a newer version that needs one more) is added.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { generateSealingKey } from "./sealing.ts";

export const SECRETS_FILE = "secrets.env";
const MAX_BYTES = 64 * 1024;

/** Every secret a server cannot do without, and how one is made. */
const GENERATED = {
  /** What owners send as `Authorization: Bearer`: 32 random bytes. */
  INTERNAL_API_TOKEN: () => `hive_${randomBytes(32).toString("base64url")}`,
  /** The root that long-lived workers share with the dispatcher: 32 random bytes. */
  CALLBACK_SECRET: () => randomBytes(32).toString("base64url"),
  /** Signs callbacks (Standard Webhooks): `whsec_` and 32 random bytes in base64. */
  HIVE_WEBHOOK_SECRET: () => `whsec_${randomBytes(32).toString("base64")}`,
  /** Seals the secrets of jobs: `kid:base64`, newest first. */
  HIVE_SEALING_KEYS: generateSealingKey,
  /** Signs lease tokens: an Ed25519 private key, PKCS #8 DER in base64. */
  HIVE_SIGNING_KEY: () =>
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
} as const;

export type SecretName = keyof typeof GENERATED;
export const SECRET_NAMES = Object.keys(GENERATED) as readonly SecretName[];

type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadedSecrets {
  /** The environment with the file's values beneath it: what the settings are read from. Holds every SecretName. */
  readonly env: Environment;
  readonly path: string;
  /** Names that were made and written by this start. */
  readonly written: readonly SecretName[];
  /** Names the environment sets to something else than the file: `source` would give the wrong value. */
  readonly shadowed: readonly string[];
}

/** The secrets file cannot be used; the message has the command that helps. */
export class SecretsFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SecretsFileError";
  }
}

/**
 * Reads `<dataDir>/secrets.env` and adds what is in neither it nor `env`. Several servers may start at once: one writes,
 * the others read what it wrote.
 * @throws SecretsFileError when others can read the file, or a line is not an assignment.
 */
export async function loadSecrets({ dataDir, env }: { dataDir: string; env: Environment }): Promise<LoadedSecrets> {
  const path = join(dataDir, SECRETS_FILE);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const written: SecretName[] = [];
  let file = await readSecretsFile(path);
  const missing = SECRET_NAMES.filter((name) => !isSet(env[name]) && !isSet(file?.values[name]));
  if (missing.length > 0) {
    const added = missing.map((name) => [name, GENERATED[name]()] as const);
    if (file === null) {
      const created = await writeNew(path, HEADER + assignments(added));
      if (created) {
        written.push(...missing);
      }
    } else {
      const gap = file.text === "" || file.text.endsWith("\n") ? "" : "\n";
      await replace(path, file.text + gap + assignments(added));
      written.push(...missing);
    }
    file = await readSecretsFile(path);
  }
  const values = file?.values ?? {};
  const absent = SECRET_NAMES.filter((name) => !isSet(env[name]) && !isSet(values[name]));
  if (absent.length > 0) {
    throw new SecretsFileError(`${path} was written by another start without ${absent.join(", ")}. Start again`);
  }
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => isSet(value)));
  const shadowed = Object.keys(values).filter((name) => isSet(env[name]) && env[name] !== values[name]);
  return { env: { ...env, ...values, ...set }, path, written, shadowed };
}

const HEADER = `# Secrets of this Hive server, made on its first start. Keep this file private, and in your backups: without
# HIVE_SEALING_KEYS the sealed tokens of waiting jobs cannot be opened.
# To use them in a shell: source this file. Variables of the environment win over it.
`;

function assignments(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([name, value]) => `export ${name}=${value}\n`).join("");
}

/** An empty variable counts as absent: compose files pass `NAME=` for what nobody set. */
function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

interface SecretsFile {
  readonly text: string;
  readonly values: Readonly<Record<string, string>>;
}

/** The file, or null when there is none. */
async function readSecretsFile(path: string): Promise<SecretsFile | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      return null;
    }
    throw new SecretsFileError(
      `${path} cannot be read (${code ?? String(error)}). Look who owns it: ls -l ${quote(path)}`,
    );
  });
  if (handle === null) {
    return null;
  }
  try {
    assertPrivate(path, await handle.stat());
    const text = await handle.readFile("utf8");
    return { text, values: parseAssignments(path, text) };
  } finally {
    await handle.close();
  }
}

/** Checked on the open file, so nobody can put another in its place in between. */
function assertPrivate(path: string, stats: Stats): void {
  if (!stats.isFile() || stats.size > MAX_BYTES) {
    throw new SecretsFileError(`${path} is not a file of at most ${MAX_BYTES} bytes`);
  }
  if (process.platform === "win32") {
    return;
  }
  const own = process.getuid?.();
  if (own !== undefined && stats.uid !== own && stats.uid !== 0) {
    throw new SecretsFileError(`${path} belongs to another user. Run: chown ${own} ${quote(path)}`);
  }
  if ((stats.mode & 0o077) !== 0) {
    throw new SecretsFileError(`${path} can be read by other users of this machine. Run: chmod 600 ${quote(path)}`);
  }
}

/** Reads `export NAME=value` lines; values bare or in one pair of quotes, taken as they stand. */
function parseAssignments(path: string, text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) {
      continue;
    }
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(?:'([^']*)'|"([^"$`\\]*)"|([^\s'"$`\\;&|<>()#]*))$/.exec(
      line,
    );
    const [, name, single, double, bare] = match ?? [];
    if (name === undefined) {
      // The line itself is not shown: it holds a secret.
      throw new SecretsFileError(`Line ${index + 1} of ${path} is not of the form: export NAME='value'`);
    }
    values[name] = single ?? double ?? bare ?? "";
  }
  return values;
}

/** Creates the file whole or not at all, and never over one that is there. False: somebody else was first. */
async function writeNew(path: string, text: string): Promise<boolean> {
  const temporary = await writeTemporary(path, text);
  try {
    // A rename would replace the file of a server that started in the same moment; a link refuses to.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(path);
  return true;
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = await writeTemporary(path, text);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(path);
}

async function writeTemporary(path: string, text: string): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return temporary;
}

/** Makes the name itself survive a power loss, not only the bytes. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(join(path, ".."), constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
