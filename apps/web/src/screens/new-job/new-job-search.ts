/** What the address says of the form: `/new?from=<jobId>`. */
export interface NewJobSearch {
  /** A job to begin with. */
  readonly from?: string | undefined;
}

/** What of an address can be understood; the rest is named with nothing, so that the router drops it. */
export function readNewJobSearch({ from }: Readonly<Record<string, unknown>>): NewJobSearch {
  // An id of digits alone is read from the address as a number.
  const id = typeof from === "number" ? String(from) : from;
  return { from: typeof id === "string" && id !== "" && id.length <= 128 ? id : undefined };
}
