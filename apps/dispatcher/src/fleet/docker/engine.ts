/**
 * The Docker Engine API as far as Hive uses it, over the engine's Unix socket. Works with engines from 20.10 on: the
 * version of the API is agreed on at the first call, and again after the engine was away, since it may be another one.
 */

import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { z } from "zod";
import type { Clock } from "../../clock.ts";
import { engineSocketPath } from "./engine-address.ts";
import { EngineError, imageMissingError, isEngineError } from "./engine-error.ts";
import {
  createReply,
  imagesReply,
  infoReply,
  type InspectedContainer,
  type InspectedImage,
  inspectedContainer,
  inspectedImage,
  type ListedContainer,
  listedContainer,
  networksReply,
  versionReply,
  volumesReply,
  waitReply,
} from "./engine-replies.ts";
import { createEngineSocket, type EngineCall, parseReply } from "./engine-request.ts";

/** The oldest version of the API we speak (Docker 20.10) and the newest we know. */
const OLDEST_API = [1, 41] as const;
const NEWEST_API = [1, 51] as const;
const PING_TIMEOUT_MS = 10_000;

/** What an engine says of itself. */
export interface EngineInfo {
  /** Its release, such as `28.2.2`. */
  readonly version: string;
  /** The version of the API that is spoken with it, such as `1.41`. */
  readonly api: string;
  /** The system it runs on, such as `Debian GNU/Linux 12 (bookworm)` or `Docker Desktop`. */
  readonly system: string;
  /** Limits this engine cannot hold a container to, in words; empty where all is well. */
  readonly missingLimits: readonly string[];
}

/** Something of the engine's with labels. */
export interface Labelled {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Calls to one Docker Engine. Each rejects with {@link EngineError}. */
export interface Engine {
  /** As `unix:///var/run/docker.sock`, for messages. */
  readonly address: string;
  /** Resolves when the engine answers. */
  ping(): Promise<void>;
  info(): Promise<EngineInfo>;
  /** Makes a container and does not start it; returns its id. `image_missing` when its image is not there, `conflict` when the name is taken. */
  createContainer(name: string, spec: object): Promise<string>;
  /** Starts it; one that runs stays as it is. */
  startContainer(id: string): Promise<void>;
  /** Resolves with its exit code when it does not run any more, however long that takes. One that never ran counts as ended with 0. */
  waitForExit(id: string, signal: AbortSignal): Promise<number>;
  /** Sends a signal such as `SIGTERM`; `conflict` when it does not run. */
  killContainer(id: string, signalName: string): Promise<void>;
  /** Removes it with its anonymous volumes, running or not. One that is gone is no error. */
  removeContainer(id: string): Promise<void>;
  /** All containers with these labels, running or not. */
  listContainers(labels: Readonly<Record<string, string>>): Promise<readonly ListedContainer[]>;
  /** Null when there is none. */
  inspectContainer(id: string): Promise<InspectedContainer | null>;
  /** Its output from `since` on (seconds since 1970), as the engine's frames with times, until it ends or `signal` says so. */
  followLogs(id: string, since: string, signal: AbortSignal): Promise<IncomingMessage>;
  /** Null when there is none. */
  inspectImage(name: string): Promise<InspectedImage | null>;
  /** Images without a name that carry this label: a newer one took their name. */
  listNamelessImages(label: string): Promise<readonly { readonly id: string; readonly createdAt: number }[]>;
  /** `conflict` when a container is made of it. One that is gone is no error. */
  removeImage(id: string): Promise<void>;
  /** Builds an image of a tar archive; the answer is JSON, a line for each step, and errors are in it. */
  buildImage(archive: Readable, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage>;
  listVolumes(labels: Readonly<Record<string, string>>): Promise<readonly Labelled[]>;
  /** One that is gone is no error. */
  removeVolume(name: string): Promise<void>;
  listNetworks(labels: Readonly<Record<string, string>>): Promise<readonly Labelled[]>;
  /** One that is gone is no error. */
  removeNetwork(id: string): Promise<void>;
}

/** A client of the engine at `address`. Connects at the first call. @throws Error when the address is none of a Unix socket */
export function createEngine(address: string, clock: Pick<Clock, "after">): Engine {
  const socket = createEngineSocket(engineSocketPath(address), clock);
  let agreed: { readonly api: string; readonly version: string } | null = null;

  async function agree(): Promise<{ readonly api: string; readonly version: string }> {
    if (agreed !== null) return agreed;
    const said = await socket.read({ method: "GET", path: "/version", what: "say its version" }, versionReply);
    agreed = { api: agreeOnApi(said), version: said.Version };
    return agreed;
  }

  /** Puts the version in front; forgets it when the engine is away, since it may come back as another. */
  async function versioned<T>(call: EngineCall, send: (call: EngineCall) => Promise<T>): Promise<T> {
    try {
      const { api } = await agree();
      return await send({ ...call, path: `/v${api}${call.path}` });
    } catch (error) {
      if (error instanceof EngineError && error.engineGone) agreed = null;
      throw error;
    }
  }
  const read = <S extends z.ZodType>(call: EngineCall, schema: S): Promise<z.infer<S>> =>
    versioned(call, (full) => socket.read(full, schema));
  const run = (call: EngineCall): Promise<void> => versioned(call, (full) => socket.run(full));
  const open = (call: EngineCall): Promise<IncomingMessage> => versioned(call, (full) => socket.open(full));

  async function remove(path: string, what: string, query: Readonly<Record<string, string>> = {}): Promise<void> {
    try {
      await run({ method: "DELETE", path, query, what });
    } catch (error) {
      // Gone, or somebody is at it right now.
      if (
        isEngineError(error, "not_found", "image_missing") ||
        (isEngineError(error, "conflict") && /in progress/.test(error.message))
      )
        return;
      throw error;
    }
  }
  const nullIfMissing = (error: unknown): null => {
    if (isEngineError(error, "not_found", "image_missing")) return null;
    throw error;
  };

  return {
    address: socket.address,
    ping: () => socket.run({ method: "GET", path: "/_ping", what: "answer", timeoutMs: PING_TIMEOUT_MS }),
    async info() {
      const said = await read({ method: "GET", path: "/info", what: "say what it can" }, infoReply);
      const { api, version } = await agree();
      const limits = [
        [said.MemoryLimit, "memory"],
        [said.PidsLimit, "processes"],
        [said.CpuCfsQuota, "processor time"],
      ] as const;
      const missingLimits = limits.filter(([held]) => !held).map(([, name]) => name);
      return { version, api, system: said.OperatingSystem, missingLimits };
    },
    async createContainer(name, spec) {
      const call: EngineCall = {
        method: "POST",
        path: "/containers/create",
        query: { name },
        body: spec,
        what: `create ${name}`,
      };
      try {
        return (await read(call, createReply)).Id;
      } catch (error) {
        if (isEngineError(error, "not_found") && "Image" in spec) throw imageMissingError(String(spec.Image));
        throw error;
      }
    },
    startContainer: (id) => run({ method: "POST", path: `/containers/${id}/start`, what: `start ${short(id)}` }),
    async waitForExit(id, signal) {
      const what = `wait for ${short(id)}`;
      const path = `/containers/${id}/wait`;
      const response = await open({ method: "POST", path, query: { condition: "not-running" }, what, signal });
      const said = parseReply(what, await textOf(response, socket.address), waitReply);
      if (said.Error?.Message !== undefined && said.Error.Message !== "")
        throw new EngineError("failed", `Docker could not ${what}: ${said.Error.Message}`);
      return said.StatusCode;
    },
    killContainer: (id, signalName) =>
      run({
        method: "POST",
        path: `/containers/${id}/kill`,
        query: { signal: signalName },
        what: `send ${signalName} to ${short(id)}`,
      }),
    removeContainer: (id) => remove(`/containers/${id}`, `remove container ${short(id)}`, { v: "1", force: "1" }),
    listContainers: (labels) =>
      read(
        { method: "GET", path: "/containers/json", query: { all: "1", ...byLabels(labels) }, what: "list containers" },
        z.array(listedContainer),
      ),
    inspectContainer: (id) =>
      read({ method: "GET", path: `/containers/${id}/json`, what: `look at ${short(id)}` }, inspectedContainer).catch(
        nullIfMissing,
      ),
    followLogs: (id, since, signal) =>
      open({
        method: "GET",
        path: `/containers/${id}/logs`,
        query: { follow: "1", stdout: "1", stderr: "1", timestamps: "1", since },
        what: `read the log of ${short(id)}`,
        signal,
      }),
    inspectImage: (name) =>
      read(
        { method: "GET", path: `/images/${encodeURIComponent(name)}/json`, what: `look at image ${name}` },
        inspectedImage,
      ).catch(nullIfMissing),
    async listNamelessImages(label) {
      const filters = JSON.stringify({ dangling: ["true"], label: [label] });
      const call: EngineCall = { method: "GET", path: "/images/json", query: { filters }, what: "list images" };
      return (await read(call, imagesReply)).map(({ Id, Created }) => ({ id: Id, createdAt: Created }));
    },
    removeImage: (id) => remove(`/images/${id}`, `remove image ${short(id)}`),
    buildImage: (archive, query, signal) =>
      open({
        method: "POST",
        path: "/build",
        query,
        body: archive,
        what: "build an image",
        // The head of the answer comes once the archive is read, which a slow disk may take long over.
        timeoutMs: null,
        signal,
      }),
    async listVolumes(labels) {
      const call: EngineCall = { method: "GET", path: "/volumes", query: byLabels(labels), what: "list volumes" };
      const { Volumes } = await read(call, volumesReply);
      return Volumes.map((volume) => ({ id: volume.Name, labels: volume.Labels }));
    },
    removeVolume: (name) => remove(`/volumes/${encodeURIComponent(name)}`, `remove volume ${name}`),
    async listNetworks(labels) {
      const call: EngineCall = { method: "GET", path: "/networks", query: byLabels(labels), what: "list networks" };
      return (await read(call, networksReply)).map((network) => ({ id: network.Id, labels: network.Labels }));
    },
    removeNetwork: (id) => remove(`/networks/${id}`, `remove network ${short(id)}`),
  };
}

/** The newest version that both sides speak. @throws EngineError of kind `too_old` */
export function agreeOnApi(said: {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string | undefined;
  readonly Os: string;
}): string {
  if (said.Os !== "linux")
    throw new EngineError("refused", `This Docker Engine runs ${said.Os} containers; Hive's workers need linux ones.`);
  const newest = numbers(said.ApiVersion);
  if (compare(newest, OLDEST_API) < 0)
    throw new EngineError(
      "too_old",
      `Docker ${said.Version} speaks API ${said.ApiVersion}; Hive needs ${OLDEST_API.join(".")} (Docker 20.10) or newer. Update Docker.`,
    );
  const chosen = compare(newest, NEWEST_API) < 0 ? newest : NEWEST_API;
  if (said.MinAPIVersion !== undefined && compare(chosen, numbers(said.MinAPIVersion)) < 0)
    throw new EngineError(
      "too_old",
      `Docker ${said.Version} speaks no API older than ${said.MinAPIVersion}; this Hive knows ${NEWEST_API.join(".")}. Update Hive.`,
    );
  return chosen.join(".");
}

function numbers(version: string): readonly [number, number] {
  const [major, minor] = version.split(".").map(Number);
  return [major ?? 0, minor ?? 0];
}

function compare(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}

function byLabels(labels: Readonly<Record<string, string>>): { readonly filters: string } {
  return { filters: JSON.stringify({ label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) }) };
}

function short(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

async function textOf(response: IncomingMessage, address: string): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  try {
    for await (const chunk of response as AsyncIterable<string>) text += chunk;
  } catch (error) {
    throw new EngineError("broken", `The Docker Engine at ${address} ended the connection before its answer.`, {
      cause: error,
    });
  }
  if (text !== "") return text;
  // An engine that stops ends the waiting calls with an empty answer.
  throw new EngineError("broken", `The Docker Engine at ${address} ended the connection before its answer.`);
}
