/**
 * The image that ours are built from in tests: `node:26-bookworm-slim` as its Dockerfile describes it (Debian's smallest,
 * Node, npm), made on this machine, because a test must not depend on an image registry. It is kept as an archive in the
 * user's cache and made anew when anything it is made from changed. It is never shipped.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "../../../scripts/checkout.ts";

/** What our Dockerfiles build from unless they are told otherwise. */
export const BASE_IMAGE = "node:26-bookworm-slim";

const DEBIAN = "http://deb.debian.org/debian";
const SECURITY = "http://deb.debian.org/debian-security";
const NPM = "npm@11.21.2";
const NODE = join(checkout, "node_modules/node/bin/node");
/** Authorities this machine trusts: builds behind a company's proxy need them. */
const MACHINE_CA = "/etc/ssl/certs/ca-certificates.crt";
/** Where they are in the image: Debian's own tool takes authorities of this folder into its bundle. */
const IMAGE_CA = "/usr/local/share/ca-certificates/machine.crt";

/** Gives the engine the base image; `env` has its `DOCKER_HOST`. @throws when it cannot be made */
export function importBaseImage(env: NodeJS.ProcessEnv): void {
  const changes = existsSync(MACHINE_CA) ? [`ENV NODE_EXTRA_CA_CERTS=${IMAGE_CA} npm_config_cafile=${IMAGE_CA}`] : [];
  const words = [...changes, 'CMD ["node"]'].flatMap((change) => ["--change", change]);
  execFileSync("docker", ["import", ...words, baseArchive(), BASE_IMAGE], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** The archive of the root file system, from the cache or made now (about a minute). */
function baseArchive(): string {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "hive-test");
  const key = createHash("sha256");
  for (const file of [import.meta.filename, NODE, MACHINE_CA]) if (existsSync(file)) key.update(readFileSync(file));
  const name = `base-${process.arch}-${key.digest("hex").slice(0, 16)}.tar`;
  const archive = join(cache, name);
  if (existsSync(archive)) return archive;
  mkdirSync(cache, { recursive: true });
  console.log(`Making the base image of the container tests, once: ${archive}`);
  const work = mkdtempSync(join(tmpdir(), "hive-base-image-"));
  try {
    const root = join(work, "root");
    makeRoot(root);
    // Renamed when whole: two runs may make it at the same time.
    const made = join(cache, `${name}.${process.pid}`);
    run("tar", "--create", "--file", made, "--numeric-owner", "--one-file-system", "--directory", root, ".");
    renameSync(made, archive);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  for (const old of readdirSync(cache)) {
    if (/^base-.*\.tar$/.test(old) && old !== name) rmSync(join(cache, old), { force: true });
  }
  return archive;
}

function makeRoot(root: string): void {
  run("debootstrap", "--variant=minbase", "--include=libatomic1", "bookworm", root, DEBIAN);
  const suites = ["bookworm", "bookworm-updates"].map((suite) => `deb ${DEBIAN} ${suite} main\n`).join("");
  writeFileSync(join(root, "etc/apt/sources.list"), `${suites}deb ${SECURITY} bookworm-security main\n`);
  // As in the real image: no documents, no package lists.
  const unwanted = ["doc", "man", "info", "locale", "lintian"].map((name) => `path-exclude /usr/share/${name}/*\n`);
  writeFileSync(join(root, "etc/dpkg/dpkg.cfg.d/docker"), unwanted.join(""));
  for (const folder of ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale"])
    rmSync(join(root, folder), { recursive: true, force: true });
  for (const folder of ["var/cache/apt", "var/lib/apt/lists"]) {
    rmSync(join(root, folder), { recursive: true, force: true });
    mkdirSync(join(root, folder, "partial"), { recursive: true });
  }
  if (existsSync(MACHINE_CA)) {
    mkdirSync(join(root, IMAGE_CA, ".."), { recursive: true });
    cpSync(MACHINE_CA, join(root, IMAGE_CA), { dereference: true });
  }
  cpSync(NODE, join(root, "usr/local/bin/node"));
  run("npm", "install", "--global", "--prefix", join(root, "usr/local"), "--no-update-notifier", "--silent", NPM);
}

function run(program: string, ...args: string[]): void {
  try {
    execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 64 << 20 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${`${stdout}${stderr}`.slice(-2_000)}`, { cause: error });
  }
}
