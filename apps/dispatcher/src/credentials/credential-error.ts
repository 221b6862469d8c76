/** A credential the operator named cannot be had; the message says which and what to do. */
export class CredentialError extends Error {
  override readonly name = "CredentialError";
  /** True when it may well be had in a moment: the other side did not answer, or said that it is busy. */
  readonly passing: boolean;

  constructor(message: string, options: { readonly passing?: boolean; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.passing = options.passing ?? false;
  }
}
