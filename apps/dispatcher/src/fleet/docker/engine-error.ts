/**
 * What can go wrong between us and a Docker Engine, and what to do about it. The messages are for the person who runs
 * the server: each names the thing and the next step. Programs look at `kind`, and at `unclear` before they repeat.
 */

/**
 * - `unreachable`: nobody answers at the socket
 * - `forbidden`: this user may not open the socket
 * - `too_old`: the engine speaks no version of the API that we know
 * - `image_missing`: the image is not on the engine's machine
 * - `no_space`: the engine's disk is full
 * - `conflict`: the name is taken, or the thing is in a state that does not allow this
 * - `not_found`: no such container, volume or network
 * - `build_failed`: a step of an image's build failed
 * - `refused`: the engine did not like the request
 * - `failed`: the engine tried and could not
 * - `timeout`: no answer in time
 * - `broken`: the connection ended before the answer did
 * - `bad_reply`: an answer we do not understand
 */
export type EngineErrorKind =
  | "unreachable"
  | "forbidden"
  | "too_old"
  | "image_missing"
  | "no_space"
  | "conflict"
  | "not_found"
  | "build_failed"
  | "refused"
  | "failed"
  | "timeout"
  | "broken"
  | "bad_reply";

/** A call to the engine that did not succeed. */
export class EngineError extends Error {
  readonly kind: EngineErrorKind;
  /** HTTP status, where the engine answered. */
  readonly status: number | undefined;

  constructor(kind: EngineErrorKind, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "EngineError";
    this.kind = kind;
    this.status = options.status;
  }

  /** The request may have been carried out although this is an error: look before you repeat it. */
  get unclear(): boolean {
    return this.kind === "timeout" || this.kind === "broken" || this.kind === "bad_reply" || this.kind === "failed";
  }

  /** The engine is away, stops or hangs; what it was asked says nothing of the request. */
  get engineGone(): boolean {
    return (
      this.kind === "unreachable" || this.kind === "forbidden" || this.kind === "timeout" || this.kind === "broken"
    );
  }
}

/** True for an {@link EngineError} of one of these kinds. */
export function isEngineError(error: unknown, ...kinds: readonly EngineErrorKind[]): error is EngineError {
  return error instanceof EngineError && (kinds.length === 0 || kinds.includes(error.kind));
}

/** The error for a connection that failed: `connected` says whether the request can have reached the engine. */
export function connectionError(address: string, connected: boolean, cause: Error): EngineError {
  const code = (cause as NodeJS.ErrnoException).code ?? cause.message;
  if (code === "EACCES" || code === "EPERM")
    return new EngineError(
      "forbidden",
      `This user may not open the Docker Engine's socket ${address}. Let it: sudo usermod -aG docker $USER, then log in again.`,
      { cause },
    );
  if (connected)
    return new EngineError("broken", `The Docker Engine at ${address} ended the connection before its answer.`, {
      cause,
    });
  return new EngineError(
    "unreachable",
    `No Docker Engine answers at ${address} (${code}). Start it (sudo systemctl start docker, or Docker Desktop), or name another socket with HIVE_DOCKER_HOST.`,
    { cause },
  );
}

const NO_SPACE = /no space left on device|disk quota exceeded/i;
const NO_IMAGE = /no such image/i;

/** The error for an answer of the engine that is not 2xx; `what` is the call in words, such as "create hive-worker-1". */
export function answerError(what: string, status: number, said: string): EngineError {
  const options = { status };
  if (NO_SPACE.test(said)) return noSpaceError(said, options);
  if (status === 404 && NO_IMAGE.test(said)) return imageMissingError(said.replace(/^no such image: ?/i, ""), options);
  if (status === 404) return new EngineError("not_found", `Docker could not ${what}: ${said}`, options);
  if (status === 409) return new EngineError("conflict", `Docker could not ${what}: ${said}`, options);
  if (status < 500) return new EngineError("refused", `Docker refused to ${what} (${status}): ${said}`, options);
  return new EngineError("failed", `Docker could not ${what} (${status}): ${said}`, options);
}

/** The engine's disk is full. */
export function noSpaceError(said: string, options: { status?: number } = {}): EngineError {
  return new EngineError(
    "no_space",
    `The Docker Engine has no space left: ${said}. See what takes it with docker system df, and free it with docker system prune.`,
    options,
  );
}

/** An image is not on the engine's machine. */
export function imageMissingError(image: string, options: { status?: number } = {}): EngineError {
  return new EngineError(
    "image_missing",
    `The image ${image} is not on the Docker Engine's machine. Get it with docker pull ${image}, or build it there with docker build -t ${image}.`,
    options,
  );
}
