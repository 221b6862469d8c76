// A worker in a container as the fleet makes it: root with four capabilities, a read-only root file system, no network.
// Its jobs are kept from the supervisor and from the world, and one job never meets another.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../e2e/until.ts";
import { engine, isMissing } from "./test-engine.ts";
import { LAUNCH_CANARY, startWorkerWorld, type WorkerContainer, type WorkerWorld } from "./worker-world.ts";

/** `probe NAME COMMAND…` tells whether a command worked. */
const PROBE = `probe() { name=$1; shift; if out=$("$@" 2>&1); then echo "$name: OPEN $out" | head -c 300; else echo "$name: closed"; fi; }
`;

/** The lines `NAME: …` of a job's log. */
function answers(log: string): Record<string, string> {
  return Object.fromEntries(
    [...log.matchAll(/^([\w -]+): (.*)$/gm)].map(([, name = "", text = ""]) => [name, text.trim()]),
  );
}

describe.skipIf(isMissing)("a worker in a container", () => {
  let world: WorkerWorld;
  let worker: WorkerContainer;

  beforeAll(async () => {
    world = await startWorkerWorld(engine);
    worker = await world.start();
  });
  afterAll(() => world?.stop());

  test("does a whole job, and its result names the image, the build and the tools it was made with", async () => {
    const grant = await world.offer("whole-1", "echo x > x.txt");
    const outcome = await world.end(grant);
    if (outcome.end !== "succeeded") throw new Error(`${JSON.stringify(outcome)}\n${worker.logs()}`);
    expect(outcome.result).toMatchObject({ branch: "hive/whole-1", isolation: "container" });
    expect(outcome.result.environment).toMatchObject({
      isolation: "container",
      provider: "docker",
      image: { name: engine.workerImage, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
      build: expect.stringMatching(/^[0-9a-f]{64}$/),
      tools: { node: expect.stringMatching(/^2\d\./), npm: expect.any(String), git: expect.any(String) },
      config: null,
    });
    expect(world.dispatcher.callsOf("workerRegister")[0]?.body).toMatchObject({ isolation: "container" });
    expect(worker.exec("cat", "/run/hive/contact")).toBe("");
  });

  test("its jobs have no right, no network and nothing of the supervisor's", async () => {
    const script = `${PROBE}
      grep -E '^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|Groups|Uid):' /proc/self/status | tr '\\t' ' '
      echo "processes: $(ulimit -u)"; echo "rank: $(cat /proc/self/oom_score_adj)"
      echo "interfaces: $(tail -n +3 /proc/net/dev | cut -d: -f1 | xargs)"
      for pid in $(ps -eo pid=,uid= | awk '$2 == 0 { print $1 }'); do
        for file in environ mem maps auxv stack fd/0 cwd/ root/; do probe "of root" cat /proc/$pid/$file; done
        probe "of root" ls /proc/$pid/fd; probe "of root" kill -0 $pid; probe "of root" ls /proc/$pid/root/
      done | sort | uniq -c | sed 's/^ *[0-9]* //'
      probe run ls /run/hive; probe socket curl -sS --unix-socket /run/hive/server/dispatcher.sock http://x/v1/worker/claim
      for at in / /opt/hive /opt/hive/apps/worker/src/main.ts /workspace /workspace/slot-0 /workspace/slot-0/private /etc/passwd /mirrors /dev /proc/sys/kernel/core_pattern; do
        probe "write $at" sh -c "touch $at/x 2>/dev/null || { [ -w $at ] && [ -f $at ]; }"; done
      for at in private unsent logs; do probe "read $at" ls /workspace/slot-0/$at; done
      probe become setpriv --reuid=0 true; probe mount mount -t tmpfs x /mnt; probe namespace unshare -r true
      probe world curl -sS --noproxy '*' -m 3 http://93.184.215.14/; probe metadata curl -sS --noproxy '*' -m 3 http://169.254.169.254/
      relay=\${HTTP_PROXY##*@}
      echo "protocol: $(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' -X POST http://$relay/v1/worker/claim)"
      echo "gateway: $(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' http://$relay/llm/anthropic/v1/models)"
      # Everything that can be read, searched for what only the supervisor may have.
      grep -rhsaoE 'eyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+|launch-''canary-[a-z0-9]+|worker-''token' /proc/[0-9]*/environ /proc/[0-9]*/cmdline \\
        /workspace /tmp /run /mirrors /etc /home /root /var /dev/shm > found.tmp || true
      echo "audiences: $(grep -oE 'eyJ[^.]*\\.eyJ[A-Za-z0-9_-]+' found.tmp | cut -d. -f2 | while read -r body; do
        echo "$body" | tr '_-' '/+' | sed 's/$/==/' | base64 -di 2>/dev/null | grep -oE 'hive:[a-z]+'; done | sort -u | xargs)"
      echo "canaries: $(grep -vc eyJ found.tmp)"; rm found.tmp`;
    const grant = await world.offer("shut-out-1", script);
    expect((await world.end(grant)).end, world.logOf(grant)).toBe("succeeded");
    const log = world.logOf(grant);
    expect(log).not.toContain("OPEN");
    expect(answers(log)).toMatchObject({
      CapInh: "0000000000000000",
      CapPrm: "0000000000000000",
      CapEff: "0000000000000000",
      CapAmb: "0000000000000000",
      NoNewPrivs: "1",
      Groups: "",
      Uid: "20000 20000 20000 20000",
      processes: "192",
      rank: "1000",
      interfaces: "lo",
      "of root": "closed",
      protocol: "404",
      gateway: "404",
      audiences: "hive:egress",
      canaries: "0",
    });
    // The same search finds what it looks for where it is: it is only closed to the job.
    const [supervisor = ""] = worker.exec("pgrep", "-f", "worker/src/main.ts").trim().split("\n").slice(-1);
    expect(worker.exec("cat", `/proc/${supervisor}/environ`)).toContain(LAUNCH_CANARY);
  });

  test("the tools of jobs find the way out by themselves, with the job's token and no other", async () => {
    world.server.answer = (incoming) =>
      incoming.url?.includes(".example/") === true ? { status: 200, body: "{}" } : null;
    const script = `set +e; cd "$TMPDIR"; python3 -m venv v >/dev/null
      for scheme in http https; do
        curl -sS -m 5 $scheme://curl.example/ ; git ls-remote $scheme://git.example/x.git
        npm view left-pad --registry $scheme://npm.example/ --fetch-retries 0
        v/bin/pip download -q --retries 0 --no-deps --trusted-host pip.example -i $scheme://pip.example/simple left-pad
        node -e "fetch('$scheme://node-fetch.example/').catch(() => 0)"
        node -e "require('node:$scheme').get('$scheme://node-http.example/').on('error', () => 0)"
        python3 -c "import urllib.request; urllib.request.urlopen('$scheme://python.example/')"
        echo "$scheme took $SECONDS s" >&3
      done 3>&1 >/dev/null 2>&1`;
    const before = world.server.proxied.length;
    const grant = await world.offer("tools-1", script, { timeoutMs: 240_000 });
    expect((await world.end(grant)).end, world.logOf(grant)).toBe("succeeded");
    const calls = world.server.proxied.slice(before).filter(({ target }) => target.includes(".example"));
    const login = `Basic ${Buffer.from(`hive:${grant.egressToken}`).toString("base64")}`;
    expect(new Set(calls.map(({ authorization }) => authorization))).toEqual(new Set([login]));
    const hosts = (tunnel: boolean): string[] => {
      const of = calls.filter(({ method }) => (method === "CONNECT") === tunnel);
      return [...new Set(of.map(({ target }) => /([\w-]+)\.example/.exec(target)?.[1] ?? ""))].sort();
    };
    const tools = ["curl", "git", "node-fetch", "node-http", "npm", "pip", "python"];
    expect(hosts(false)).toEqual(tools);
    expect(hosts(true)).toEqual(tools);
    world.server.answer = () => null;
  });

  test("nothing of a job is left for the next: no process, file, name or memory", async () => {
    const leave = `cat > keep.py <<'PY'
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
assert c.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o600, None) >= 0, "mq"
assert c.shmget(4711, 4096, 0o1600) >= 0, "shm"
PY
      python3 keep.py; ipcmk -Q >/dev/null; ipcmk -S 1 >/dev/null
      for at in "$HOME" "$TMPDIR" /tmp /dev/shm; do mkdir -p "$at/left/in"; touch "$at/left/in/file" "$at/.left"; chmod 000 "$at/left/in" "$at/left"; done
      ln -s /workspace/slot-0 /tmp/link; for i in $(seq 2000); do touch "/tmp/$i-left"; done
      setsid nohup sh -c 'trap "" TERM HUP INT; while :; do sleep 1; echo left > /tmp/again; done' >/dev/null 2>&1 &
      (setsid sleep 3591 & ) ; python3 -c "
import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0left'); s.listen()
import os
if os.fork() == 0: os.setsid(); import time; time.sleep(3592)"
      ls /dev/shm /tmp | wc -l; rm keep.py`;
    const first = await world.offer("leaves-1", leave);
    expect((await world.end(first)).end, world.logOf(first)).toBe("succeeded");
    const look = `
      echo "processes: $(ps -eo uid=,args= | awk '$1 >= 20000' | grep -cE '[s]leep|[t]rap|[p]ython' || true)"
      echo "files: $(find / -xdev -path /proc -prune -o -user 20000 -print 2>/dev/null | grep -v "^$PWD" | grep -c left || true)"
      echo "temporary: $(ls -A /tmp /dev/shm /dev/mqueue /var/tmp | grep -v : | xargs)"; echo "home: $(ls -A "$HOME" "$TMPDIR" | grep -v : | xargs)"
      echo "shared: $(tail -qn +2 /proc/sysvipc/* | wc -l)"; echo "sockets: $(grep -c @left /proc/net/unix || true)"
      echo "attempts: $(ls -d /workspace/slot-0/attempt-* 2>/dev/null | wc -l)"`;
    const second = await world.offer("looks-1", look);
    expect((await world.end(second)).end, world.logOf(second)).toBe("succeeded");
    expect(answers(world.logOf(second))).toMatchObject({
      processes: "0",
      files: "0",
      temporary: "",
      home: "",
      shared: "0",
      sockets: "0",
    });
    expect(
      worker.exec("sh", "-c", "find /workspace/slot-0 -mindepth 1 -maxdepth 1 -name 'attempt-*' | wc -l").trim(),
    ).toBe("0");
  });

  test("a job that takes all it can get hurts nobody but itself", async () => {
    const greedy: Readonly<Record<string, string>> = {
      processes: "bomb() { bomb | bomb & }; bomb; sleep 2; exit 7",
      memory: `python3 -c "
import os
for _ in range(8): os.fork()
x = bytearray(64 << 20); import time; time.sleep(30)"`,
      disk: "for at in . $TMPDIR /tmp /dev/shm; do dd if=/dev/zero of=$at/full bs=1M 2>/dev/null || true; done; echo x > y; exit 8",
      files: "for at in /tmp . $TMPDIR; do seq 40000 | (cd $at && xargs touch 2>/dev/null) || true; done; exit 9",
    };
    for (const [what, script] of Object.entries(greedy)) {
      const grant = await world.offer(`greedy-${what}`, script);
      const outcome = await world.end(grant);
      const code = what === "memory" ? "out_of_memory" : "script_failed";
      expect(outcome, worker.logs()).toMatchObject({ end: "failed", error: { kind: "work", code } });
      const next = await world.offer(
        `after-${what}`,
        `ps -eo uid= | awk '$1 >= 20000' | wc -l; df --output=used /workspace | tail -1; echo fine > fine.txt`,
      );
      expect((await world.end(next)).end, `after ${what}: ${worker.logs()}`).toBe("succeeded");
    }
    // One supervisor did all this: it was never the one that had to go.
    expect(worker.logs().match(/registered as/g)).toHaveLength(1);
  });

  test("its log tells the story to who follows it, and no secret", async () => {
    const grant = await world.offer("story-1", "echo not told: output of the job; echo x > x.txt");
    await world.end(grant);
    const story = await until("the end of the story", () => {
      const lines = worker
        .logs()
        .split("\n")
        .filter((line) => line.includes(" story-1: "));
      return lines.some((line) => line.includes("succeeded in")) ? lines : null;
    });
    const told = story.map((line) => line.replace(/^\S+ story-1: /, "").replaceAll(/[0-9a-f]{40}/g, "COMMIT"));
    expect(told.map((line) => line.replace(/ in [\d.]+ s$/, ""))).toEqual([
      `script of ${grant.job.repo}, attempt 1`,
      "prepare",
      "starting at COMMIT for hive/story-1",
      "setup",
      "run",
      "publish",
      "pushed COMMIT to hive/story-1",
      "report",
      "succeeded",
    ]);
    const logs = worker.logs();
    expect(logs).not.toContain("output of the job");
    for (const secret of [LAUNCH_CANARY, "worker-token", grant.token, grant.llmToken, grant.egressToken]) {
      expect(logs).not.toContain(secret);
    }
  });

  test("docker stop gives the job back and ends with 0; so does a one-shot worker after its job", async () => {
    const grant = await world.offer("stopped-1", "echo started; sleep 3593");
    await until("the script", () => world.logOf(grant).includes("started"));
    await worker.stop();
    expect(await world.end(grant)).toMatchObject({ end: "returned" });
    expect(await worker.exitCode()).toBe(0);

    const last = await world.offer("one-shot-1", "echo x > x.txt");
    const oneShot = await world.start({ HIVE_ONE_SHOT: "1" });
    expect((await world.end(last)).end).toBe("succeeded");
    expect(await oneShot.exitCode()).toBe(0);
    expect(world.dispatcher.calls.at(-1)?.name).toBe("workerGoodbye");
  });
});
