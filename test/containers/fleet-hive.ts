/** A Hive whose workers are containers of the test's engine, and what the tests ask that engine about them. */
import { engineCall, engineJson } from "./engine/engine-api.ts";
import type { TestEngine } from "./global-setup.ts";
import { type HiveOptions, type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";

/** A container as the engine lists it. */
export interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** The settings of a dispatcher whose fleet uses this engine. */
export function fleetEnvironment(engine: Pick<TestEngine, "socket" | "workerImage">): Record<string, string> {
  return {
    HIVE_FLEET: "docker",
    HIVE_DOCKER_HOST: `unix://${engine.socket}`,
    HIVE_WORKER_IMAGE: engine.workerImage,
  };
}

/** Starts a dispatcher on this machine with a fleet on the test's engine. */
export function startFleetHive(
  engine: Pick<TestEngine, "socket" | "workerImage">,
  options: HiveOptions = {},
): Promise<HiveProcess> {
  return startHive({ ...options, env: { ...fleetEnvironment(engine), ...options.env } });
}

/** Every container Hive made in the engine, whatever its state. */
export function hiveContainers(socket: string): Promise<readonly Listed[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: ["hive.managed=1"] }));
  return engineJson<readonly Listed[]>(socket, "GET", `/containers/json?all=true&filters=${filters}`);
}

/** Everything of Hive's that is left in the engine, in words; empty when nothing is. */
export async function leftInEngine(socket: string): Promise<readonly string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: ["hive.managed=1"] }));
  const containers = await hiveContainers(socket);
  const { Volumes } = await engineJson<{ readonly Volumes: readonly { readonly Name: string }[] | null }>(
    socket,
    "GET",
    `/volumes?filters=${filters}`,
  );
  const networks = await engineJson<readonly { readonly Name: string }[]>(
    socket,
    "GET",
    `/networks?filters=${filters}`,
  );
  return [
    ...containers.map(({ Names, State }) => `container ${Names.join(" ")} (${State})`),
    ...(Volumes ?? []).map(({ Name }) => `volume ${Name}`),
    ...networks.map(({ Name }) => `network ${Name}`),
  ];
}

/** SIGKILL for a container, as a crash of its machine would be; one that is gone already is fine. */
export async function killContainer(socket: string, id: string): Promise<boolean> {
  return engineCall(socket, "POST", `/containers/${id}/kill?signal=SIGKILL`).then(
    () => true,
    () => false,
  );
}

/** Waits until nothing of Hive's is left in the engine. @throws naming what is */
export async function untilEngineIsEmpty(socket: string, limitMs: number): Promise<void> {
  let left: readonly string[] = [];
  const look = async (): Promise<boolean> => {
    left = await leftInEngine(socket);
    return left.length === 0;
  };
  await until("the engine to hold nothing of Hive's", look, { limitMs, more: () => left.join("\n") });
}
