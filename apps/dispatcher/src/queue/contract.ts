/**
 * The queue as the rest of the dispatcher sees it: commands go in, durable answers come out. Everything that anybody is
 * told (a reply, a read, an event, an effect) waits for the last batch it could have observed, so nobody ever sees what
 * a power cut could take back.
 */

import type { Change, CommandOf, CommandType, Effect, Replies, State } from "@hive/core";
import type { Election, Store, StorePosition } from "../store/contract.ts";

/**
 * What this dispatcher is among those that share its store. The queen decides everything; a standby waits for the
 * queen's end and hands requests on to her. One dispatcher alone is the queen.
 */
export type Role = "starting" | "queen" | "standby" | "recovering" | "stopped";

/** Whether work can be accepted right now, and if not why, when to ask again, and who can be asked instead. */
export type Readiness =
  | { readonly ready: true }
  | {
      readonly ready: false;
      readonly role: Exclude<Role, "queen">;
      readonly why: string;
      readonly retryAfterMs: number;
      /** The dispatcher that accepts work now, where that is known. */
      readonly queen: { readonly url: string } | null;
    };

export interface Queue {
  /**
   * Applies one command; resolves once its changes (or, when it changed nothing, everything it could have seen) are
   * durable. @throws HiveError as the command's rules say; `not_ready` and `store_failed` when the store is not there.
   */
  submit<T extends CommandType>(command: CommandOf<T>): Promise<Replies[T]>;
  /** Computes something from the state in memory; resolves once all it could have seen is durable. @throws HiveError `not_ready` */
  read<R>(look: (state: State) => R): Promise<R>;
  /** Committed documents. Rejects on a dispatcher that is not the queen. */
  readonly documents: Pick<Store, "get" | "list">;
  /** Called after the commit, in order, once per effect. A listener that throws is logged and harms nobody. */
  onEffect(listener: (effect: Effect) => void): () => void;
  /** Called with the changes of each commit once it is durable, in order; must not throw. For copies that are being made. */
  onChanges(listener: (changes: readonly Change[]) => void): () => void;
  readiness(): Readiness;
  /** Called after each change of `readiness()`. Returns how to take that back. */
  onReadiness(listener: (readiness: Readiness) => void): () => void;
  /** The election of this moment: part of every lease token. */
  election(): Election;
  /** Where the store stands: for what is written beside the queue, such as logs. */
  position(): StorePosition;
  /** Where the event stream stands: the number of the last durable event. */
  lastEvent(): number;
  readonly storeName: string;
}
