/** What the address of a job's screen may say. The router reads it before the screen itself is there. */

/** The parts of the screen, each with its own address. */
export const TABS = ["overview", "conversation", "diff", "candidates", "callbacks", "events", "json"] as const;
export type Tab = (typeof TABS)[number];

export interface JobSearch {
  /** Default: the overview. */
  readonly tab?: Tab;
}

/** Reads the address; what it does not know is left out. */
export function readJobSearch(search: Readonly<Record<string, unknown>>): JobSearch {
  const tab = TABS.find((each) => each === search["tab"]);
  return tab === undefined ? {} : { tab };
}
