/**
 * Why a standby has no connection to the queen, for whoever asked and, once for each reason, for the log: a dispatcher that
 * cannot reach the others looks well in every other respect, until all its callers wait.
 */

/** Codes of a handshake that ended at a certificate whose authority is not known here. */
const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** What is in the way, as the second half of a sentence. `cause` is what the connection ended with. */
export function whyUnreachable(cause: unknown): string {
  if (!(cause instanceof Error)) return "it cannot be reached";
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : null;
  if (code !== null && UNKNOWN_AUTHORITY.has(code))
    return `its certificate is of an authority that is not known here (${code}); start this dispatcher with NODE_EXTRA_CA_CERTS, the file of that authority`;
  return `it cannot be reached (${code ?? cause.message})`;
}

export interface Unreachable {
  /** A connection to the dispatcher at `url` was not made. */
  failed(url: string, cause: unknown): void;
  /** The one to `url` was. */
  reached(url: string): void;
  /** What is in the way of the one at `url`; null: nothing that is known. */
  why(url: string): string | null;
}

/** Remembers what is in the way of the last queen that was tried. `warn` gets each new reason once. */
export function createUnreachable(warn: (message: string) => void): Unreachable {
  let last: { readonly url: string; readonly why: string } | null = null;
  return {
    failed(url, cause) {
      const why = whyUnreachable(cause);
      if (last?.url === url && last.why === why) return;
      last = { url, why };
      warn(`Requests cannot be handed on to the queen at ${url}: ${why}`);
    },
    reached(url) {
      if (last?.url === url) last = null;
    },
    why: (url) => (last?.url === url ? last.why : null),
  };
}
