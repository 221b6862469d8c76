/**
 * An image of Redis for compose in tests: this machine's own `redis-server` with the libraries it is linked with and
 * nothing else, because a test must not depend on an image registry. Like the official image it has a user `redis` and
 * works in `/data`. It is never shipped.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Debian's and the official image's number of the user. */
const REDIS_UID = 999;

/** Gives the engine the image under this name; `env` has its `DOCKER_HOST`. @throws when there is no redis-server here */
export function importRedisImage(name: string, env: NodeJS.ProcessEnv): void {
  const work = mkdtempSync(join(tmpdir(), "hive-redis-image-"));
  try {
    const root = join(work, "root");
    const program = realpathSync(execFileSync("which", ["redis-server"], { encoding: "utf8" }).trim());
    // What `ldd` does: the loader lists what it would load, and ends.
    const listed = execFileSync(program, { env: { LD_TRACE_LOADED_OBJECTS: "1" }, encoding: "utf8" });
    const libraries = listed.match(/\/\S+(?= \(0x)/g) ?? [];
    // Libraries where the loader looks for them, whatever links lead there on this machine.
    for (const file of libraries) copy(file, join(root, file));
    copy(program, join(root, "usr/local/bin/redis-server"));
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "etc/passwd"), `redis:x:${REDIS_UID}:${REDIS_UID}::/data:/usr/sbin/nologin\n`);
    writeFileSync(join(root, "etc/group"), `redis:x:${REDIS_UID}:\n`);
    mkdirSync(join(root, "data"));
    execFileSync("chown", [`${REDIS_UID}:${REDIS_UID}`, join(root, "data")]);
    const archive = join(work, "image.tar");
    execFileSync("tar", ["--create", "--file", archive, "--numeric-owner", "--directory", root, "."]);
    const changes = ["WORKDIR /data", "VOLUME /data"].flatMap((change) => ["--change", change]);
    execFileSync("docker", ["import", ...changes, archive, name], { env, stdio: ["ignore", "ignore", "inherit"] });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(realpathSync(from), to);
}
