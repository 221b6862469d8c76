/** A credential the operator named cannot be had; the message says which and what to do. */
export class CredentialError extends Error {
  override readonly name = "CredentialError";
}
