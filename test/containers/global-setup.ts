/**
 * What the container tests stand on: a Docker Engine of their own, the base image, and our two images built from this
 * checkout. Made once for all files. Where it cannot be made, the tests are skipped and say why.
 *
 * `CONTAINER_TEST_ENGINE=/path/to/docker.sock` uses an engine that runs already, for a quick loop while writing tests.
 */
import type { TestProject } from "vitest/node";
import { buildImage, type ImageKind, megabytes } from "../../scripts/images.ts";
import { missingPrograms } from "../../scripts/system-packages.ts";
import { BASE_IMAGE, importBaseImage } from "./engine/base-image.ts";
import { type Engine, startEngine } from "./engine/engine.ts";
import { engineCall } from "./engine/engine-api.ts";

/** What every container test is given. */
export interface TestEngine {
  /** Path of the engine's socket. */
  readonly socket: string;
  readonly workerImage: string;
  readonly dispatcherImage: string;
  /** This machine's address as containers with a network see it: where a test's own servers listen for them. */
  readonly hostAddress: string;
  /** Where this machine reaches the ports that containers publish. */
  readonly engineAddress: string;
}

declare module "vitest" {
  interface ProvidedContext {
    engine: TestEngine | { readonly missing: string };
  }
}

/** Programs that only these tests need. */
const PROGRAMS = ["docker", "dockerd", "docker-init", "docker-compose", "iptables", "ip", "debootstrap"];

/** Called by vitest before the first file; answers how to clean up. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = await findEngine();
  if (typeof found === "string") {
    console.log(`The container tests are skipped: ${found}`);
    project.provide("engine", { missing: found });
    return undefined;
  }
  const engine = found;
  try {
    const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: "0" };
    const known = await engineCall(engine.socket, "GET", `/images/${BASE_IMAGE}/json`).catch(() => null);
    if (known === null) importBaseImage(env);
    const build = async (kind: ImageKind): Promise<string> => {
      const begun = performance.now();
      const name = `hive-${kind}:test`;
      const bytes = await buildImage(kind, { name, args: { BASE_IMAGE }, env, quiet: true });
      console.log(`${name}: ${megabytes(bytes)}, built in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      return name;
    };
    project.provide("engine", {
      socket: engine.socket,
      hostAddress: engine.hostAddress,
      engineAddress: engine.engineAddress,
      workerImage: await build("worker"),
      dispatcherImage: await build("dispatcher"),
    });
  } catch (error) {
    await engine.stop();
    throw error;
  }
  return () => engine.stop();
}

/** The engine to use, or why there can be none here. */
async function findEngine(): Promise<Omit<Engine, "restart"> | string> {
  const running = process.env["CONTAINER_TEST_ENGINE"];
  if (running !== undefined) {
    return { socket: running, hostAddress: "172.17.0.1", engineAddress: "127.0.0.1", stop: () => Promise.resolve() };
  }
  const missing = whyNot();
  if (missing !== null) return missing;
  // In some containers even root may not make networks or mounts.
  return startEngine().catch((error: unknown) => `no Docker Engine starts here: ${String(error)}`);
}

/** Why no engine can be started here; null when it can be tried. */
function whyNot(): string | null {
  if (process.platform !== "linux") return "they need Linux";
  if (process.getuid?.() !== 0) return "they start a Docker Engine, which needs root";
  const programs = missingPrograms("test").filter(({ program }) => PROGRAMS.includes(program));
  if (programs.length > 0)
    return `${programs.map(({ program }) => program).join(", ")} not found (npm test installs it)`;
  return null;
}
