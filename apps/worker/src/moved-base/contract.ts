/**
 * What a task is offered when others changed the base branch while it worked. Order: the task's program is dead and its
 * work checked → `meet`; `rebased`: check the work again; `conflict`: one more turn of the agent with `prompt`, its
 * death, then `settle`; `merged`: check the work again. The end is the same whoever stops where: what is published is
 * the work on the new base, or, unsettled, the work as it was before `meet`.
 */

/** What became of the meeting. */
export type Meeting =
  /** The work merges into the head of base, or there is nothing to do: go on. */
  | { readonly end: "fits" }
  /** The working copy now stands on the head of base: what was checked before must be checked again. */
  | { readonly end: "rebased" }
  /** The working copy holds a merge with conflict markers in `files`; `prompt` tells an agent what to do. */
  | { readonly end: "conflict"; readonly files: readonly string[]; readonly prompt: string };

/** The meeting of one attempt's work with the head of its base branch. */
export interface MovedBase {
  /**
   * Looks once whether the work still merges into the head of base, and rebases it where it does not. Again: `fits`.
   * Everything git does in the working copy is done as the job's user. Trouble with git or the network is told in the
   * log and is `fits`: a base that cannot be looked at costs nobody their work. Rejects when the attempt is stopped.
   */
  meet(): Promise<Meeting>;
  /**
   * After a turn on a conflict: `merged` when it is solved; `conflict`: the working copy is as it was before the
   * meeting again, and so the work will be published.
   */
  settle(): Promise<"merged" | "conflict">;
}
