/**
 * The queue as the rest of the dispatcher sees it: commands go in, durable answers come out. Everything that anybody is
 * told (a reply, a read, an event, an effect) waits for the last batch it could have observed, so nobody ever sees what
 * a power cut could take back.
 */

import type { CommandOf, CommandType, Effect, Replies, State } from "@hive/core";
import type { Election, Store } from "../store/contract.ts";

/** Whether work can be accepted right now, and if not why and when to ask again. */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly why: string; readonly retryAfterMs: number };

export interface Queue {
  /**
   * Applies one command; resolves once its changes (or, when it changed nothing, everything it could have seen) are
   * durable. @throws HiveError as the command's rules say; `not_ready` and `store_failed` when the store is not there.
   */
  submit<T extends CommandType>(command: CommandOf<T>): Promise<Replies[T]>;
  /** Computes something from the state in memory; resolves once all it could have seen is durable. @throws HiveError `not_ready` */
  read<R>(look: (state: State) => R): Promise<R>;
  /** Committed documents. */
  readonly documents: Pick<Store, "get" | "list">;
  /** Called after the commit, in order, once per effect. A listener that throws is logged and harms nobody. */
  onEffect(listener: (effect: Effect) => void): () => void;
  readiness(): Readiness;
  /** The election of this moment: part of every lease token. */
  election(): Election;
  /** Where the event stream stands: the number of the last durable event. */
  lastEvent(): number;
  readonly storeName: string;
}
