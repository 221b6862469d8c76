/**
 * A hostile job, in the fleet's containers and in the quick start's alike. Everything it does runs as the job's user, who
 * is allowed to try: each attempt is refused or contained, the job ends with a reason, the server and the supervisor
 * live on, and the next job on the same worker (compose) or of the same pool (fleet) finds nothing.
 */
import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../e2e/until.ts";
import { engineJson } from "./engine/engine-api.ts";
import { GIT_FOLDERS, TRAPS } from "./hostile/git-scripts.ts";
import {
  direct,
  hunt,
  LOOK_AROUND,
  MILLION_FILES,
  nodeScript,
  OUTLIVE,
  proxied,
  relayed,
  STUBBORN,
} from "./hostile/scripts.ts";
import { docker, startComposeWorld, startFleetWorld, type World } from "./hostile/world.ts";
import { engine, isMissing } from "./test-engine.ts";

/** Lines of a log that begin with one of these words. */
const linesOf = (log: string, ...words: string[]): string[] =>
  log.split("\n").filter((line) => words.some((word) => line.startsWith(`${word} `) || line === word));

describe.skipIf(isMissing).each([
  { kind: "fleet", start: startFleetWorld },
  { kind: "compose", start: startComposeWorld },
])("a hostile job on a worker of $kind (needs a Docker Engine)", ({ start }) => {
  let world: World;
  let before: string;
  let jobs = 0;

  beforeAll(async () => {
    world = await start(engine);
  });
  afterAll(async () => {
    await world.dispose();
  });
  beforeEach(async () => {
    before = await world.alive();
  });
  afterEach(async () => {
    expect(await world.alive(), "the server and the workers that stay are the ones from before").toBe(before);
    expect(world.trapped(), "somebody reached this machine").toBe(0);
    jobs += 1;
    const next = await world.run(`next-${jobs}`, LOOK_AROUND);
    expect(linesOf(next.log, "LEFT"), next.told).toEqual([]);
    expect(next.log, next.told).toContain("CLEAN-CHECKED");
    expect(next.job, next.told).toMatchObject({ status: "succeeded", error: null, attempts: 1 });
  });

  test("is nobody: a user without rights, without capabilities, that gets none by any program", async () => {
    const { job, log, told } = await world.run(
      "nobody",
      `id; grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Seccomp):' /proc/self/status
for program in $(find / -xdev -perm /6000 -type f 2>/dev/null); do echo "setuid $program"; done
unshare -Ur id -u 2>&1 | sed 's/^/unshare: /' || true
mount -t tmpfs none /mnt 2>&1 | sed 's/^/mount: /' || true
chroot / /bin/true 2>&1 | sed 's/^/chroot: /' || true
su -c id root </dev/null 2>&1 | sed 's/^/su: /' || true
for place in /opt/hive/x /etc/x /usr/bin/x /run/x /x /workspace/x /mirrors/x /var/lib/x /proc/sys/kernel/x; do touch $place 2>/dev/null && echo "WROTE $place"; done
echo -17 > /proc/self/oom_score_adj 2>/dev/null && echo "WROTE oom_score_adj"
echo TRIED`,
    );
    expect(job, told).toMatchObject({ status: "succeeded" });
    expect(log).toMatch(/^uid=20\d{3}[^\n]* groups=20\d{3}/m);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) expect(log).toMatch(new RegExp(`^${set}:\\s+0+$`, "m"));
    expect(log).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(log).toMatch(/^Seccomp:\s+2$/m);
    expect(linesOf(log, "WROTE"), log).toEqual([]);
    expect(log).not.toMatch(/^(?:su|chroot|unshare): (?:uid=)?0\b/m);
  });

  test("finds no secret in any file, environment, open file or memory that it can read", async () => {
    const bait = "bait-for-the-hunter";
    const jobId = await world.begin("hunter", hunt([...world.secrets, bait], true), { files: { "bait.txt": bait } });
    const isHunting = async (): Promise<boolean> => (await world.logOf(jobId)).includes("HUNTING");
    await until("the hunter to wait", isHunting, { limitMs: 60_000 });
    // What only this container has: a fleet's single-use token is known once there is one.
    const container = await world.container();
    const { Config } = await engineJson<{ readonly Config: { readonly Env: readonly string[] } }>(
      engine.socket,
      "GET",
      `/containers/${container}/json`,
    );
    const launch = Config.Env.find((one) => one.startsWith("HIVE_LAUNCH_TOKEN="))?.slice("HIVE_LAUNCH_TOKEN=".length);
    expect(launch === undefined).toBe(world.kind === "compose");
    const hash = createHash("sha256")
      .update(launch ?? "no such token")
      .digest("hex");
    docker(
      engine,
      "exec",
      container,
      "sh",
      "-c",
      `echo ${hash} > /tmp/made && chmod 644 /tmp/made && mv /tmp/made /tmp/canaries`,
    );
    const { job, log, told } = await world.end(jobId);
    if (world.kind === "compose") docker(engine, "exec", container, "rm", "/tmp/canaries");
    expect(job, told).toMatchObject({ status: "succeeded" });
    expect(log).toContain("LOOKED true");
    expect(log).toContain("HUNTED");
    // The bait proves that the hunter finds what is there to be found.
    expect(linesOf(log, "FOUND"), log).toEqual([expect.stringMatching(/^FOUND SECRET \/workspace\/\S+\/bait\.txt$/)]);
  });

  test("reaches neither the socket nor the supervisor's folders, processes and memory", async () => {
    const { job, log, told } = await world.run(
      "supervisor",
      `for place in /run/hive /run/hive/server /run/hive/server/callback-secret /proc/1/root/run/hive /proc/1/cwd/ /workspace/slot-*/ "\${PWD%/*/repo}" "\${PWD%/attempt*}" "\${PWD%/attempt*}/private" "\${PWD%/attempt*}/logs" "\${PWD%/attempt*}/unsent"; do
  ls -A "$place" >/dev/null 2>&1 && echo "LISTED $place"
done
for place in "\${PWD%/repo}/x" "\${PWD%/*/repo}/x" "\${PWD%/attempt*}/x" /workspace/slot-9/x "\${PWD%/*/repo}/bin/hive-progress" "\${PWD%/*/repo}/script.sh"; do
  (echo x >> "$place") 2>/dev/null && echo "WROTE $place"
done
mv "\${PWD%/repo}" "$HOME/moved" 2>/dev/null && echo "WROTE moved"
rm -f "$HIVE_PROGRESS_FILE" 2>/dev/null && echo "WROTE progress removed"
${nodeScript(`
import { connect } from "node:net";
import { readFileSync } from "node:fs";
for (const path of ["/run/hive/server/dispatcher.sock", "/proc/1/root/run/hive/server/dispatcher.sock", "/var/run/docker.sock"]) {
  const how = await new Promise((done) => { const s = connect({ path }); s.once("connect", () => done("CONNECTED")); s.once("error", (e) => done(e.code)); });
  console.log((how === "CONNECTED" ? "REACHED " : "refused ") + path + " " + how);
}
const listening = readFileSync("/proc/net/tcp", "utf8").trim().split("\\n").slice(1).filter((row) => / 0A /.test(row)).map((row) => row.trim().split(/\\s+/)[1]);
console.log("listening " + listening.length + " " + listening.every((one) => one.startsWith("0100007F:")));
process.exit(0);`)}
python3 - <<'PY'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
    try:
        if os.stat(f"/proc/{pid}").st_uid == os.getuid(): continue
    except OSError: continue
    if libc.ptrace(16, pid, 0, 0) == 0: print("REACHED ptrace", pid)
    for name in ("mem", "environ", "oom_score_adj"):
        try: open(f"/proc/{pid}/{name}", "r+b" if name != "environ" else "rb").close(); print("REACHED", name, pid)
        except OSError: pass
    for signal in (0, 9, 19):
        try: os.kill(pid, signal); print("REACHED kill", signal, pid)
        except OSError: pass
print("TRIED")
PY`,
    );
    expect(job, told).toMatchObject({ status: "succeeded" });
    expect(log).toContain("TRIED");
    // It may list what is its own.
    expect(linesOf(log, "LISTED", "WROTE", "REACHED"), told).toEqual([]);
    expect(log).toContain("listening 1 true");
  });

  test("kills its whole user and with it only itself", async () => {
    const { job, told } = await world.run("killer", "setsid sleep 4712 & sleep 0.2; sh -c 'kill -9 -1'; sleep 60");
    expect(job, told).toMatchObject({ status: "failed", error: { code: "killed" } });
  });

  test("sees the mirror of its own repository, read-only, and no other", async () => {
    // Another job of another private repository, at work at the same time where there is a second worker.
    const other =
      world.kind === "compose"
        ? await world.begin("private", "sleep 20", { labels: [], files: { "p.txt": "of another" } })
        : null;
    const { job, log, told } = await world.run(
      "mirrors",
      `borrowed=$(cat .git/objects/info/alternates)
git cat-file -p HEAD:README.md 2>/dev/null | head -1
for place in /mirrors /mirrors/mirrors /mirrors/handouts /mirrors/handouts/* "$borrowed/.." "$borrowed/../.."; do
  for name in $(ls -A "$place" 2>/dev/null); do [ -e "$place/$name/HEAD" ] && echo "MIRROR $(realpath "$place/$name")"; done
done
ls -A /mirrors/handouts/ 2>/dev/null | sed 's|^|HANDOUTS-OF |'
ls -A /mirrors/mirrors/ >/dev/null 2>&1 && echo "LISTED mirrors"
for worker in hive-worker-1 hive-worker-2 hive-victims-2; do ls -A /mirrors/handouts/$worker >/dev/null 2>&1 && echo "LISTED $worker"; done
for place in "$borrowed/x" "$borrowed/pack/x" "$borrowed/../HEAD" "$borrowed/../config" "$borrowed/../hooks/post-checkout"; do
  (echo x >> "$place") 2>/dev/null && echo "WROTE $place"
done
find "$borrowed/.." -type f | head -3 | while read -r file; do chmod u+w "$file" 2>/dev/null && echo "WROTE mode of $file"; rm -f "$file" 2>/dev/null && echo "WROTE $file"; ln "$file" "$HOME/linked" 2>/dev/null && echo "WROTE link to $file"; done
echo "own $(realpath "$borrowed/..")"; echo TRIED`,
      { files: { "README.md": "mine\n" } },
    );
    expect(job, told).toMatchObject({ status: "succeeded" });
    const own = /^own (.*)$/m.exec(log)?.[1];
    expect(own).toMatch(/^\/mirrors\/handouts\//);
    expect(
      linesOf(log, "MIRROR").filter((line) => line !== `MIRROR ${own}`),
      told,
    ).toEqual([]);
    // A fleet's container has the folder of its own worker and no other; the quick start's share one that nobody lists.
    const folders = world.kind === "fleet" ? [expect.stringMatching(/^HANDOUTS-OF hive-victims-\d+$/)] : [];
    expect(linesOf(log, "HANDOUTS-OF"), told).toEqual(folders);
    expect(linesOf(log, "WROTE", "LISTED"), told).toEqual([]);
    if (other !== null) expect((await world.end(other)).job.status).toBe("succeeded");
  });

  test("has no network: not the internet, not this machine, not a neighbour, not the metadata address", async () => {
    const targets = [
      ...world.dispatchers,
      ...world.neighbours,
      "169.254.169.254:80",
      "1.1.1.1:443",
      "[2606:4700:4700::1111]:443",
    ];
    const { job, log, told } = await world.run("network", direct(targets));
    expect(job, told).toMatchObject({ status: "succeeded" });
    expect(linesOf(log, "refused")).toHaveLength(targets.length + 2);
    expect(linesOf(log, "REACHED"), told).toEqual([]);
    expect(log).toContain("interfaces lo\n");
  });

  test("gets through the proxy to no private place, however it is written, though its list names every host", async () => {
    const port = world.dispatchers[0]?.split(":")[1];
    const spelled = [
      "127.1",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "0.0.0.0",
      "localhost.",
    ];
    const metadata = ["169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fd00:ec2::254]:80", "2852039166:80"];
    const targets = [
      ...world.dispatchers,
      ...world.neighbours,
      ...metadata,
      ...spelled.map((host) => `${host}:${port}`),
      ...spelled.map((host) => `${host}:80`),
      "10.0.0.1:80",
      "192.168.0.1:443",
      "100.64.0.1:80",
    ];
    const { job, log, blocked, told } = await world.run("proxied", proxied(targets));
    expect(job, told).toMatchObject({ status: "succeeded" });
    const answers = linesOf(log, "CONNECT", "GET");
    expect(answers).toHaveLength(targets.length * 2);
    expect(
      answers.filter((line) => !/-> (?:400|403)$/.test(line)),
      told,
    ).toEqual([]);
    expect(blocked).toContain("169.254.169.254:80 private_address");
    expect(blocked).toContain("10.0.0.1:80 private_address");
  });

  test("is refused every host that its list does not name, and people see which", async () => {
    const { job, log, blocked, told } = await world.run("listed", proxied(["evil.example:443", "example.com:443"]), {
      egress: ["registries"],
    });
    expect(job, told).toMatchObject({ status: "succeeded" });
    expect(
      linesOf(log, "CONNECT", "GET").filter((line) => !line.endsWith("-> 403")),
      told,
    ).toEqual([]);
    expect(blocked).toEqual(expect.arrayContaining(["evil.example:443 not_in_job", "example.com:443 not_in_job"]));
  });

  test("gets nothing of the worker protocol or the server's API through the relay, with any token it has", async () => {
    const { job, log, told } = await world.run("relayed", relayed(), { task: "agent" });
    expect(job, told).toMatchObject({ status: "succeeded" });
    expect(log).toContain("TRIED");
    expect(linesOf(log, "PASSED"), told).toEqual([]);
  });

  test("holds every connection of the relay and is published all the same", async () => {
    const { job, told } = await world.run(
      "holder",
      `${nodeScript(`
import { connect } from "node:net";
import { spawn } from "node:child_process";
const { port, hostname } = new URL(process.env.HTTPS_PROXY);
let open = 0;
for (let n = 0; n < 700; n += 1) { const s = connect(Number(port), hostname); s.on("connect", () => { open += 1; }); s.on("error", () => {}); s.on("close", () => { open -= 1; }); }
await new Promise((done) => setTimeout(done, 1500));
console.log("HELD " + open);
process.exit(0);`)}
(setsid node -e 'const {port, hostname} = new URL(process.env.HTTPS_PROXY); for (let n = 0; n < 700; n += 1) require("net").connect(+port, hostname).on("error", () => {}).write("CONNECT x:1 HTTP/1.1\\r\\n"); setInterval(() => {}, 1000)' </dev/null >/dev/null 2>&1 &)
sleep 1; echo work > work.txt`,
    );
    expect(job, told).toMatchObject({ status: "succeeded", result: { noChanges: false } });
    expect(world.git.read(`${world.kind}/holder.git`, `hive/${world.kind}-holder`, "work.txt")).toBe("work");
  });

  test("poisons git's config, hooks, filters, attributes and submodules, and nothing of it ever runs as the supervisor", async () => {
    const { job, blocked, told } = await world.run("traps", TRAPS, { egress: ["registries"] });
    // What the traps do to the job itself is its own affair; it ends, and not because the worker broke.
    expect(["succeeded", "failed"], told).toContain(job.status);
    expect(job.error?.code, told).not.toBe("worker_broke");
    // The trap works: git as the job's own user springs it.
    const sprung = blocked.filter((one) => one.includes(".trap.example")).map((one) => one.split(".")[0]);
    expect(sprung, told).toContainEqual(expect.stringMatching(/^uid-20\d{3}$/));
    expect(
      sprung.filter((one) => !/^uid-20\d{3}$/.test(one ?? "")),
      told,
    ).toEqual([]);
    const { requests } = world.git.server;
    expect(requests.filter(({ path }) => path.includes("other-repository"))).toEqual([]);
  });

  test.each(Object.entries(GIT_FOLDERS))(
    "puts something else in the place of git's folder: %s",
    async (name, script) => {
      const id = `git-${name.replaceAll(" ", "-")}`;
      const { job, told } = await world.run(id, script);
      expect(["succeeded", "failed"], told).toContain(job.status);
      expect(job.error?.code, told).not.toBe("worker_broke");
      if (job.status === "succeeded")
        expect(world.git.read(`${world.kind}/${id}.git`, `hive/${world.kind}-${id}`, "work.txt"), told).toBe("work");
    },
  );

  test("leads nobody out of its folder by a link, neither in its changes nor in its report", async () => {
    const { job, told } = await world.run(
      "links",
      "ln -s /proc/1/environ stolen; ln -s /run/hive/server/callback-secret secret; ln -s / root; mkfifo pipe; ln -s /dev/zero zero; echo work > work.txt",
    );
    expect(job, told).toMatchObject({ status: "succeeded" });
    const read = (file: string) => world.git.read(`${world.kind}/links.git`, `hive/${world.kind}-links`, file);
    expect([read("stolen"), read("root"), read("zero")]).toEqual(["/proc/1/environ", "/", "/dev/zero"]);
    for (const target of ["/proc/1/environ", "/run/hive/server/callback-secret", "/dev/zero", "/etc/passwd"]) {
      const name = `report${target.replaceAll("/", "-")}`;
      const end = await world.run(name, `ln -s ${target} "$HIVE_OUTPUT/report.md"`, { task: "analyze" });
      expect(end.job, end.told).toMatchObject({ status: "failed", reason: "no_report" });
      expect(end.job.result?.artifacts ?? []).toEqual([]);
    }
  });

  test("outlives its job in no way", async () => {
    const { job, told } = await world.run("outlive", OUTLIVE);
    expect(job, told).toMatchObject({ status: "succeeded" });
    // The next job, after every test, looks around.
  });

  test("leaves files that are hard to remove, and they are gone", async () => {
    const { job, told } = await world.run("stubborn", STUBBORN);
    expect(job, told).toMatchObject({ status: "succeeded" });
  });

  test("makes processes without end", async () => {
    const ends = await world.run(
      "fork-bomb",
      'bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 3; echo "survived with $(ls /proc | grep -c "^[0-9]")"',
    );
    expect(["succeeded", "failed"], ends.told).toContain(ends.job.status);
    expect(ends.job.error?.code, ends.told).not.toBe("worker_broke");
    const script =
      "python3 -c 'import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n  try: os.fork()\n  except OSError: pass'";
    const never = await world.run("fork-for-ever", script, { timeoutMs: 10_000 });
    expect(never.job, never.told).toMatchObject({ status: "failed", error: { code: "timeout" } });
  });

  test("fills every disk it can write to", async () => {
    const fill =
      'for place in "$HOME" "$TMPDIR" /tmp /dev/shm; do head -c 20G /dev/zero > "$place/big" 2>/dev/null; done; df -m /workspace /tmp | tail -2';
    const { job, log, told } = await world.run("disk", `${fill}; echo FILLED; rm -f "$HOME/big"; echo work > work.txt`);
    expect(log, told).toContain("FILLED");
    expect(job, told).toMatchObject({ status: "succeeded" });
    const full = await world.run("disk-full", `${fill}; head -c 20G /dev/zero > in-the-repository; echo FILLED`);
    expect(full.log, full.told).toContain("FILLED");
    expect(full.job, full.told).toMatchObject({ status: "failed" });
    expect(full.job.error?.message, full.told).not.toBe("");
    expect(full.job.error?.code, full.told).not.toBe("worker_broke");
  });

  test("takes more memory than there is, at once and in small pieces", async () => {
    const { job, told } = await world.run("memory", `python3 -c 'x = bytearray(4 << 30); print("HAS IT")'`);
    expect(job, told).toMatchObject({ status: "failed", error: { code: "out_of_memory" } });
    // Each piece is smaller than the supervisor: the kernel must not take that one for the largest.
    const pieces = await world.run(
      "memory-pieces",
      "for n in $(seq 150); do python3 -c 'x = bytearray(30 << 20); import time; time.sleep(30)' & done; wait",
    );
    expect(["succeeded", "failed"], pieces.told).toContain(pieces.job.status);
    expect(pieces.job.history, pieces.told).toHaveLength(1);
  });

  test("makes 10,000 files to be published, and a million that nobody wants", async () => {
    const many = await world.run(
      "files",
      'mkdir many; for n in $(seq 10000); do echo $n > many/$n; done; echo "made $(ls many | wc -l)"',
    );
    expect(many.job, many.told).toMatchObject({ status: "succeeded", result: { diffStat: { files: 10_000 } } });
    const million = await world.run("million-files", MILLION_FILES, { timeoutMs: 170_000 });
    expect(["succeeded", "failed"], million.told).toContain(million.job.status);
    expect(million.log, million.told).toMatch(/^MADE \d{5,7}$/m);
    expect(million.job.error?.code, million.told).not.toBe("worker_broke");
  });
});
