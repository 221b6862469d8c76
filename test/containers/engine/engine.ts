/**
 * A Docker Engine of the test's own: dockerd with its own data, socket and network, in a temporary folder. It is ended
 * by its process id, also when a test fails, and takes everything along; should the whole test run be killed, the kernel
 * ends it, and the next run removes what is left.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../e2e/until.ts";
import { engineCall } from "./engine-api.ts";
import { engineId, removeEngineFolder, removeForgottenEngines } from "./leftovers.ts";
import { makeNetwork } from "./network.ts";

const READY_MS = 60_000;
const STOP_MS = 30_000;

/** A running engine. */
export interface Engine {
  /** Path of its socket. */
  readonly socket: string;
  /** This machine's address as containers see it. */
  readonly hostAddress: string;
  /** Where this machine reaches the ports that containers publish. */
  readonly engineAddress: string;
  /** Ends dockerd with this signal, as a crash or an upgrade would, and starts it again on the same data. */
  restart(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Ends it and removes all it had. Safe to repeat. */
  stop(): Promise<void>;
}

/** Starts an engine; `more` is added to dockerd's arguments. @throws with dockerd's log when it does not come up */
export async function startEngine(more: readonly string[] = []): Promise<Engine> {
  removeForgottenEngines();
  const id = engineId();
  const folder = join(tmpdir(), id);
  const socket = join(folder, "docker.sock");
  const logFile = join(folder, "dockerd.log");
  await mkdir(folder, { mode: 0o711 });
  const network = makeNetwork(id);
  let child: ChildProcess | null = null;

  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((done) => running.once("exit", done));
    running.kill(signal);
    const hung = setTimeout(() => running.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(hung);
    if (signal === "SIGKILL") await forgetContainerd();
  };
  // The kernel ended it with its dockerd. Until process 1 gets to it it is a zombie, for which dockerd would wait in vain.
  const forgetContainerd = async (): Promise<void> => {
    const pidFile = join(folder, "exec", "containerd", "containerd.pid");
    const isDead = (): boolean => {
      try {
        return /\) [ZX]/.test(readFileSync(`/proc/${readFileSync(pidFile, "utf8").trim()}/stat`, "utf8"));
      } catch {
        return true;
      }
    };
    await until("containerd to be dead", isDead, { limitMs: READY_MS, more: shown });
    rmSync(pidFile, { force: true });
  };
  const start = async (): Promise<void> => {
    const log = openSync(logFile, "a");
    // The kernel ends dockerd with us, however we end.
    const born = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "SIGTERM", "nsenter", `--net=/run/netns/${network.namespace}`, "dockerd"],
        ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
        ...["--pidfile", join(folder, "dockerd.pid"), "--host", `unix://${socket}`, "--log-level", "warn"],
        // Addresses that a developer's own engine does not give out.
        ...["--bip", "10.214.0.1/24", "--default-address-pool", "base=10.215.0.0/16,size=24"],
        ...["--shutdown-timeout", "2", ...more],
      ],
      { stdio: ["ignore", log, log] },
    );
    child = born;
    let failure = "";
    born.once("error", (error) => {
      failure = error.message;
    });
    const isUp = async (): Promise<boolean> => {
      if (failure !== "" || born.exitCode !== null) throw new Error(`dockerd did not start: ${failure}${shown()}`);
      return engineCall(socket, "GET", "/_ping").then(
        () => true,
        () => false,
      );
    };
    await until("the test's Docker Engine", isUp, { limitMs: READY_MS, more: shown });
  };
  const shown = (): string => `\n${readFileSync(logFile, "utf8").slice(-4_000)}`;
  const stop = async (): Promise<void> => {
    await end("SIGTERM");
    removeEngineFolder(folder);
    network.remove();
  };

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    socket,
    hostAddress: network.hostAddress,
    engineAddress: network.engineAddress,
    stop,
    restart: async (signal) => {
      await end(signal);
      await start();
    },
  };
}
