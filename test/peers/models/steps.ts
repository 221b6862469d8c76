/**
 * What a scripted model does at one call. A script says what is to happen, never in whose words: `run` and `write` are
 * asked for through whatever tool the calling program offers, so one script plays with every agent.
 */
import type { Figures } from "./figures.ts";

interface Common {
  /** Default: `figuresOf` the number of the answer. */
  readonly usage?: Partial<Figures>;
  /** Nothing is answered before this resolves. */
  readonly after?: Promise<unknown>;
}

/** One answer, or one way to fail. */
export type Step = Common &
  (
    | { readonly do: "say"; readonly text: string; readonly thinking?: string }
    /** A shell command, through the program's own shell tool. */
    | { readonly do: "run"; readonly command: string }
    /** A whole file, through the program's own file tool; by the shell where it has none. */
    | { readonly do: "write"; readonly path: string; readonly content: string }
    /** A tool by its name, as it is. */
    | { readonly do: "call"; readonly tool: string; readonly input: Readonly<Record<string, unknown>> }
    /** The model declines, in the provider's way of saying so. */
    | { readonly do: "refuse"; readonly text: string }
    | Failure
    /** Streams the beginning of an answer and drops the connection. */
    | { readonly do: "cut"; readonly text: string }
    /** Streams the beginning of an answer and then says nothing more. */
    | { readonly do: "stall"; readonly text: string }
    /** Takes the request and never answers. */
    | { readonly do: "hang" }
  );

/** An error instead of an answer. */
export interface Failure {
  readonly do: "fail";
  /** 529 is told as 503 by the providers that have no 529. */
  readonly status: number;
  readonly message?: string;
  /** Told the provider's way: a header, or a detail of the body. */
  readonly retryAfterSeconds?: number;
  /** A limit of the account that is lifted after `retryAfterSeconds`, told apart from a mere burst as the provider does. */
  readonly usageLimit?: true;
}

/** Ends the turn with a text. */
export const say = (text: string, more: Common & { readonly thinking?: string } = {}): Step => ({
  do: "say",
  text,
  ...more,
});

/** Asks for a shell command. */
export const run = (command: string, more: Common = {}): Step => ({ do: "run", command, ...more });

/** Asks for a file to be written; the path is relative to the working folder. */
export const write = (path: string, content: string, more: Common = {}): Step => ({
  do: "write",
  path,
  content,
  ...more,
});

/** Fails once. */
export const fail = (status: number, more: Omit<Failure, "do" | "status"> & Common = {}): Step => ({
  do: "fail",
  status,
  ...more,
});

/** The account's limit is used up; it is lifted after this many seconds. */
export const usageLimit = (retryAfterSeconds: number): Step => ({
  do: "fail",
  status: 429,
  retryAfterSeconds,
  usageLimit: true,
  message: "You have reached your usage limit",
});
