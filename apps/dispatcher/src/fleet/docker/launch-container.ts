/**
 * Makes and starts the container of one launch, once, however often it is asked and whatever answers get lost. The
 * container is named as the launch, so a create that is repeated although it had worked finds the name taken, and the
 * label says by which launch.
 */

import type { Clock } from "../../clock.ts";
import { type Launch, ProviderError } from "../provider.ts";
import { LAUNCH_LABEL, SERVER_LABEL } from "./container-spec.ts";
import type { Engine } from "./engine.ts";
import { EngineError, isEngineError } from "./engine-error.ts";
import type { InspectedContainer } from "./engine-replies.ts";

export interface LaunchOptions {
  readonly engine: Engine;
  readonly clock: Pick<Clock, "after">;
  readonly serverId: string;
}

/** Milliseconds between two tries to create, and how many there are before it stays unclear. */
const CREATE_AGAIN_MS = 500;
const CREATES = 6;

/**
 * Resolves with the container's id when it was started; it may have ended since.
 * @throws ProviderError; after `missing` and `failed` nothing of the launch is left
 */
export async function launchContainer(options: LaunchOptions, launch: Launch, spec: object): Promise<string> {
  const { engine } = options;
  const { id, started } = await create(options, launch, spec);
  if (started) return id;
  try {
    await engine.startContainer(id);
    return id;
  } catch (error) {
    const found = await engine.inspectContainer(id).catch((second: unknown) => {
      throw unclear(second);
    });
    if (found !== null && wasStarted(found)) return id;
    if (error instanceof EngineError && error.engineGone) throw unclear(error);
    // A leftover that cannot be removed now is the reaper's: it was never started.
    await engine.removeContainer(id).catch(() => undefined);
    throw providerError(error);
  }
}

async function create(
  options: LaunchOptions,
  launch: Launch,
  spec: object,
): Promise<{ readonly id: string; readonly started: boolean }> {
  const { engine, clock } = options;
  for (let tries = 1; ; tries += 1) {
    try {
      return { id: await engine.createContainer(launch.name, spec), started: false };
    } catch (error) {
      if (!(error instanceof EngineError) || !(error.unclear || error.kind === "conflict")) throw providerError(error);
      const taken = await engine.inspectContainer(launch.name).catch((second: unknown) => {
        throw unclear(second);
      });
      // An id may begin with the letters of a name.
      if (taken !== null && taken.Name === `/${launch.name}`) {
        const { Labels } = taken.Config;
        if (Labels[SERVER_LABEL] === options.serverId && Labels[LAUNCH_LABEL] === launch.launchId)
          return { id: taken.Id, started: wasStarted(taken) };
        await freeName(options, launch, taken);
      }
      if (tries === CREATES) throw error.kind === "failed" ? providerError(error) : unclear(error);
    }
    await new Promise<void>((resolve) => void clock.after(CREATE_AGAIN_MS, resolve));
  }
}

/** Removes what an earlier launch of ours left under this name. @throws ProviderError when the name is in use */
async function freeName({ engine, serverId }: LaunchOptions, launch: Launch, taken: InspectedContainer): Promise<void> {
  const { Labels } = taken.Config;
  if (Labels[SERVER_LABEL] !== serverId)
    throw new ProviderError("taken", `The name ${launch.name} is taken by a container that is not this server's.`);
  if (taken.State.Running)
    throw new ProviderError(
      "taken",
      `The name ${launch.name} is taken by the launch ${Labels[LAUNCH_LABEL]}, which runs.`,
    );
  await engine.removeContainer(taken.Id).catch((error: unknown) => {
    throw providerError(error);
  });
}

/** The engine writes the year 1 for "never". */
function wasStarted({ State }: InspectedContainer): boolean {
  return State.Running || !State.StartedAt.startsWith("0001-");
}

/** What a failed call means for a launch of which nothing can run. */
export function providerError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  if (isEngineError(error, "image_missing")) return new ProviderError("missing", error.message, { cause: error });
  if (error instanceof EngineError && error.engineGone) return unclear(error);
  return new ProviderError("failed", error instanceof Error ? error.message : String(error), { cause: error });
}

function unclear(error: unknown): ProviderError {
  return new ProviderError("unclear", error instanceof Error ? error.message : String(error), { cause: error });
}
