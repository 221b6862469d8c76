/**
 * Which fence this machine can put around a child process, and the command line that builds it. A job's program may
 * call setsid, fork twice or use nohup; "kill the process group" then leaves children alive (measured). The kernel's
 * answer is a pid namespace: when its first process dies, everything in it dies. Where that is not allowed we kill by
 * user id, and where even that is missing by process group, descendants and a mark in the environment.
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";

/** The user an agent runs as. `uid` and `gid` need no entry in /etc/passwd. */
export interface AgentUser {
  readonly uid: number;
  readonly gid: number;
  /** Home directory of this user; absolute path, owned by `uid`. */
  readonly home: string;
}

/**
 * How a process tree is held together: `pid_namespace` (complete, whatever the children do), `user` (complete, needs
 * root and a user id of the agent's own), `mark` (process group, descendants and an environment mark: stops accidents,
 * not attackers).
 */
export type Containment = "pid_namespace" | "user" | "mark";

/** Limits set on every process of a run with `prlimit`; absent ones stay as they are. Ignored where prlimit is missing. */
export interface ProcessLimits {
  /** Processes and threads of the agent's user. Only sensible with an {@link AgentUser}: the kernel counts by user. */
  readonly processes?: number;
  /** Bytes of writable private memory of one process (RLIMIT_DATA: reserved but unused address space is free). */
  readonly memoryBytes?: number;
  /** How much others go first, 0 to 19. Ignored where nice is missing. */
  readonly niceness?: number;
  /** Open files of one process. */
  readonly openFiles?: number;
  /** Bytes of the largest file a process may write. */
  readonly fileBytes?: number;
}

/** What was found on this machine. */
export interface Tools {
  readonly sh: string | undefined;
  readonly setpriv: readonly string[] | undefined;
  readonly prlimit: string | undefined;
  readonly nice: string | undefined;
  /** `env --default-signal`, which gives background children of a shell their SIGINT back. */
  readonly defaultSignals: readonly string[] | undefined;
  /** Command prefix that makes a pid namespace; undefined where none may be made. */
  readonly namespace: readonly string[] | undefined;
}

// Tools of the supervisor are never looked up on a PATH that a job can set.
const SYSTEM_FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
// The most there is: a container's own processes may all begin with a rank of their launcher's.
const OOM_SCORE = 1_000;

// Process 1 of the namespace. It hands SIGTERM to everything inside (process 1 itself is immune without a trap),
// reaps orphans, and when the program ends it ends too, which makes the kernel kill whatever was left behind.
// The program's stderr is descriptor 3, so that remarks of unshare and of this shell ("Killed") stay out of job logs.
const INIT = `trap 'kill -TERM -1' TERM INT HUP
{ echo ${OOM_SCORE} >/proc/self/oom_score_adj; } 2>/dev/null
exec 4<&0
"$@" <&4 2>&3 3>&- 4<&- &
exec 0</dev/null 3>&- 4<&-
while :; do
  wait "$!"
  code=$?
  kill -0 "$!" && continue
  # A signal that came with the program's end hides its exit code: ask again (127: it was told already).
  wait "$!"
  again=$?
  [ "$again" = 127 ] || code=$again
  exit "$code"
done`;

// $1 is the working directory. It is entered by the user it belongs to: the supervisor may have no right to.
const ENTER = `cd -- "$1" || exit 126
shift
unset PWD OLDPWD
exec "$@"`;

// The kernel should take the job's processes before the supervisor when memory runs out.
const LOWER_RANK = `{ echo ${OOM_SCORE} >/proc/self/oom_score_adj; } 2>/dev/null
exec "$@"`;

let found: Promise<Tools> | undefined;

/** Looks once at what this machine allows, by trying it; later calls get the same answer. */
export function findTools(): Promise<Tools> {
  found ??= lookAround();
  return found;
}

/** The strongest containment for a run by `user` (undefined: by the supervisor's own user). */
export async function containmentFor(user: AgentUser | undefined): Promise<Containment> {
  const tools = await findTools();
  if (tools.namespace && (!mustSwitch(user) || tools.setpriv)) return "pid_namespace";
  return mustSwitch(user) ? "user" : "mark";
}

/** Whether running as `user` means changing the user id, which only root may. */
export function mustSwitch(user: AgentUser | undefined): user is AgentUser {
  return user !== undefined && user.uid !== process.getuid?.();
}

/**
 * The full command line for a program under a containment. `switchBy` tells whether the user is changed by the command
 * line itself or has to be changed by `spawn`; in either case the command line enters `cwd` after that, and has to be
 * started in a folder that both users may enter.
 */
export function wrapCommand(
  tools: Tools,
  containment: Containment,
  argv: readonly [string, ...string[]],
  user: AgentUser | undefined,
  limits: ProcessLimits,
  cwd: string,
): { argv: readonly [string, ...string[]]; switchBy: "command" | "spawn" | "none" } {
  const enter = mustSwitch(user) && tools.sh ? [tools.sh, "-c", ENTER, "hive-enter", cwd] : [];
  const inner: string[] = [...enter, ...limitArguments(tools, limits), ...argv];
  const canSetpriv = mustSwitch(user) && tools.setpriv !== undefined;
  const become = canSetpriv && tools.setpriv ? becomeArguments(tools.setpriv, user) : [];
  const switchBy = canSetpriv ? "command" : mustSwitch(user) ? "spawn" : "none";
  if (containment === "pid_namespace" && tools.namespace && tools.sh) {
    const restore = tools.defaultSignals ?? [];
    return {
      argv: asCommand([...tools.namespace, tools.sh, "-c", INIT, "hive-init", ...become, ...restore, ...inner]),
      switchBy,
    };
  }
  const ranked = tools.sh ? [tools.sh, "-c", LOWER_RANK, "hive-run", ...inner] : inner;
  return { argv: asCommand([...become, ...ranked]), switchBy };
}

function asCommand(parts: readonly string[]): readonly [string, ...string[]] {
  const [program, ...rest] = parts;
  if (program === undefined) throw new TypeError("empty command");
  return [program, ...rest];
}

function becomeArguments(setpriv: readonly string[], user: AgentUser): string[] {
  const [program, ...flags] = setpriv;
  return program === undefined ? [] : [program, `--reuid=${user.uid}`, `--regid=${user.gid}`, ...flags, "--"];
}

function limitArguments(tools: Tools, limits: ProcessLimits): string[] {
  const flags: string[] = [];
  if (limits.processes !== undefined) flags.push(`--nproc=${limits.processes}`);
  if (limits.memoryBytes !== undefined) flags.push(`--data=${limits.memoryBytes}`);
  if (limits.openFiles !== undefined) flags.push(`--nofile=${limits.openFiles}`);
  if (limits.fileBytes !== undefined) flags.push(`--fsize=${limits.fileBytes}`);
  const polite = tools.nice && limits.niceness ? [tools.nice, "-n", String(limits.niceness)] : [];
  return [...(tools.prlimit && flags.length > 0 ? [tools.prlimit, ...flags, "--"] : []), ...polite];
}

async function lookAround(): Promise<Tools> {
  const [sh, unshare, setpriv, prlimit, nice, env] = await Promise.all(
    ["sh", "unshare", "setpriv", "prlimit", "nice", "env"].map(findSystemTool),
  );
  const defaultSignals = env ? [env, "--default-signal=INT,QUIT", "--"] : undefined;
  return {
    sh,
    nice: nice && (await works([nice, "-n", "1", "/bin/true"])) ? nice : undefined,
    prlimit: prlimit && (await works([prlimit, "--nofile=64", "--", "/bin/true"])) ? prlimit : undefined,
    setpriv: setpriv ? await findSetpriv(setpriv) : undefined,
    defaultSignals: defaultSignals && (await works([...defaultSignals, "/bin/true"])) ? defaultSignals : undefined,
    namespace: unshare && sh ? await findNamespace(unshare, sh, setpriv) : undefined,
  };
}

async function findNamespace(
  unshare: string,
  sh: string,
  setpriv: string | undefined,
): Promise<readonly string[] | undefined> {
  // A supervisor that is killed outright cannot clean up: the kernel then kills unshare, and with it the namespace.
  const dieWithUs = setpriv ? [setpriv, "--pdeathsig=KILL", "--"] : [];
  const tied = dieWithUs.length > 0 && (await works([...dieWithUs, "/bin/true"])) ? dieWithUs : [];
  const pid = ["--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"];
  const forms =
    process.getuid?.() === 0
      ? [pid]
      : [
          ["--user", "--map-current-user", ...pid],
          ["--user", "--map-root-user", ...pid],
        ];
  for (const form of forms) {
    const prefix = [...tied, unshare, ...form, "--"];
    // A namespace whose /proc still shows the outer processes would let a child see (and be seen) wrongly.
    if (await works([...prefix, sh, "-c", '[ "$$" = 1 ] && [ -r /proc/1/stat ]'])) return prefix;
  }
  return undefined;
}

async function findSetpriv(setpriv: string): Promise<readonly string[] | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const base = ["--clear-groups", "--no-new-privs"];
  // Emptying the bounding set needs CAP_SETPCAP, which our worker container does not have (nor need).
  const forms = [[...base, "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"], base];
  for (const form of forms) {
    if (await works([setpriv, "--reuid=65534", "--regid=65534", ...form, "--", "/bin/true"])) return [setpriv, ...form];
  }
  return undefined;
}

async function findSystemTool(name: string): Promise<string | undefined> {
  for (const folder of SYSTEM_FOLDERS) {
    const path = `${folder}/${name}`;
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

function works(argv: readonly string[]): Promise<boolean> {
  const [program, ...rest] = asCommand(argv);
  return new Promise((resolve) => {
    execFile(program, rest, { env: {}, timeout: 10_000, killSignal: "SIGKILL" }, (error) => resolve(error === null));
  });
}
