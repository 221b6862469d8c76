/**
 * Builds the worker image of this checkout with the engine's own builder: the first start of Hive needs no step by hand,
 * and a Hive that was updated does not go on with the workers of the one before. One build at a time; its steps and its
 * errors are passed on.
 */

import { spawn } from "node:child_process";
import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { Clock } from "../../clock.ts";
import type { Engine } from "./engine.ts";
import { connectionError, EngineError, noSpaceError } from "./engine-error.ts";
import { buildLine } from "./engine-replies.ts";
import { type ImageSource, WORKER_DOCKERFILE } from "./image-source.ts";

/** On an image we built: which files it was made of. */
export const SOURCE_LABEL = "hive.source";

export interface ImageBuildOptions {
  readonly engine: Pick<Engine, "address" | "buildImage">;
  /** The folder the source's files are in. */
  readonly checkout: string;
  readonly source: ImageSource;
  /** Name of the image to make. */
  readonly image: string;
  readonly clock: Pick<Clock, "mono">;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export type BuildState =
  | { readonly state: "none" }
  /** A build of this life of the server ended well. */
  | { readonly state: "done" }
  | { readonly state: "building"; readonly step: string }
  | { readonly state: "failed"; readonly message: string };

export interface ImageBuild {
  readonly source: ImageSource;
  state(): BuildState;
  /** Begins a build, unless one runs or the last one failed within the last minute; says what is so now. */
  begin(): BuildState;
  /** Tells the end of every build, good or bad; the returned function takes that back. */
  onEnd(listener: () => void): () => void;
  /** Stops a build that runs. */
  close(): void;
}

/** Milliseconds a failed build is left alone: what was wrong is seldom right a second later. */
const AGAIN_MS = 60_000;
const MAX_SAID = 10;
const MAX_SAID_LENGTH = 300;

export function createImageBuild(options: ImageBuildOptions): ImageBuild {
  const { clock, image, log, source } = options;
  const closing = new AbortController();
  const listeners = new Set<() => void>();
  let state: BuildState = { state: "none" };
  let failedAt = 0;

  async function run(): Promise<void> {
    const began = clock.mono();
    log.info(`The image ${image} is built from this checkout; the first time takes some minutes.`);
    try {
      await build(options, closing.signal, (step) => {
        state = { state: "building", step };
        log.info(`${image}: ${step}`);
      });
      state = { state: "done" };
      log.info(`The image ${image} is built (${Math.round((clock.mono() - began) / 1000)} s).`);
    } catch (error) {
      if (closing.signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      state = { state: "failed", message };
      failedAt = clock.mono();
      log.warn(message);
    }
    for (const listener of listeners) listener();
  }

  return {
    source,
    state: () => state,
    begin() {
      if (state.state === "building" || closing.signal.aborted) return state;
      if (state.state === "failed" && clock.mono() - failedAt < AGAIN_MS) return state;
      state = { state: "building", step: "begins" };
      void run();
      return state;
    },
    onEnd(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => closing.abort(new Error("the server stops")),
  };
}

/** Builds the image once. @throws EngineError with what the failing step said */
async function build(options: ImageBuildOptions, signal: AbortSignal, onStep: (step: string) => void): Promise<void> {
  const { engine, checkout, source, image } = options;
  const tar = spawn("tar", ["-c", "-C", checkout, "--null", "-T", "-"], { signal });
  let tarSaid = "";
  tar.stderr.setEncoding("utf8").on("data", (text: string) => (tarSaid = (tarSaid + text).slice(-500)));
  /** Why it failed, once it is over; null when it did not. */
  const packed = new Promise<Error | null>((resolve) => {
    const failed = (why: string): void => resolve(new Error(`The files of ${image} were not packed: ${why}`));
    tar.once("error", (error) => failed(`${error.message}. Is tar installed?`));
    tar.once("close", (code) => (code === 0 ? resolve(null) : failed(tarSaid.trim())));
  });
  // A tar that failed at once closed its end; that is told by its exit.
  tar.stdin.on("error", () => undefined);
  tar.stdin.end(source.files.join("\0"));
  try {
    const answer = await engine.buildImage(
      tar.stdout,
      {
        t: image,
        dockerfile: WORKER_DOCKERFILE,
        rm: "1",
        forcerm: "1",
        labels: JSON.stringify({ [SOURCE_LABEL]: source.hash }),
        buildargs: JSON.stringify(source.buildArgs),
      },
      signal,
    );
    await readSteps(engine.address, image, answer, onStep);
  } catch (error) {
    // Files that could not be packed are the reason; a tar that the engine stopped reading from is not.
    const isOver = tar.stdout.readableEnded || tar.exitCode !== null;
    if (!isOver) tar.kill();
    throw (isOver ? await packed : null) ?? error;
  }
  const failure = await packed;
  if (failure !== null) throw failure;
}

async function readSteps(
  address: string,
  image: string,
  answer: IncomingMessage,
  onStep: (step: string) => void,
): Promise<void> {
  const said: string[] = [];
  let broken: Error | null = null;
  answer.once("error", (error) => (broken = error));
  for await (const line of createInterface({ input: answer, crlfDelay: Infinity })) {
    const { stream, status, error } = readStep(line);
    if (error !== undefined) throw buildError(image, error, said);
    for (const text of (stream ?? status ?? "").split("\n").map((part) => part.trim())) {
      if (text === "") continue;
      if (/^Step \d+\/\d+ : /.test(text)) onStep(text.slice(0, MAX_SAID_LENGTH));
      said.push(text.slice(0, MAX_SAID_LENGTH));
      if (said.length > MAX_SAID) said.shift();
    }
  }
  if (broken !== null || !answer.complete) throw connectionError(address, true, broken ?? new Error("cut off"));
}

function readStep(line: string): {
  stream?: string | undefined;
  status?: string | undefined;
  error?: string | undefined;
} {
  try {
    const parsed = buildLine.safeParse(JSON.parse(line));
    if (parsed.success) return parsed.data;
  } catch {
    // No JSON: shown as it is.
  }
  return { stream: line };
}

function buildError(image: string, error: string, said: readonly string[]): EngineError {
  const before = said.length === 0 ? "" : ` Before that: ${said.join(" | ")}`;
  if (/no space left on device/i.test(error + before)) return noSpaceError(error);
  return new EngineError("build_failed", `The image ${image} could not be built: ${error}.${before}`);
}
