/**
 * Credentials that are recognised by their looks alone, so that a secret Hive was never told (a key in the
 * repository's own `.env`, say) does not end in a log either.
 */

/** A credential that starts with a fixed text and goes on with characters of one kind. */
export interface TokenPattern {
  readonly prefix: string;
  /** Characters the rest consists of. All of them that follow are hidden, however many. */
  readonly rest: string;
  /** How many of them must follow before it counts as a credential. */
  readonly atLeast: number;
  /** Only where no letter, digit, `_` or `-` stands before: for prefixes that occur within words ("task-list"). */
  readonly ownWord?: true;
}

const DIGITS = "0123456789";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALNUM = `${DIGITS}${UPPER}${UPPER.toLowerCase()}`;
const WORD = `${ALNUM}_`;
const DASHED = `${ALNUM}_-`;

/** The patterns in use. */
export const TOKEN_PATTERNS: readonly TokenPattern[] = [
  ...["ghp_", "gho_", "ghu_", "ghr_"].map((prefix) => ({ prefix, rest: ALNUM, atLeast: 36 })),
  { prefix: "ghs_", rest: `${DASHED}.`, atLeast: 36 }, // GitHub's new long installation tokens hold dots
  { prefix: "github_pat_", rest: WORD, atLeast: 36 },
  { prefix: "glpat-", rest: DASHED, atLeast: 20 },
  { prefix: "sk-ant-", rest: DASHED, atLeast: 20 },
  { prefix: "sk-", rest: DASHED, atLeast: 32, ownWord: true },
  { prefix: "AIza", rest: DASHED, atLeast: 35, ownWord: true },
  { prefix: "AKIA", rest: `${DIGITS}${UPPER}`, atLeast: 16, ownWord: true },
  { prefix: "ASIA", rest: `${DIGITS}${UPPER}`, atLeast: 16, ownWord: true },
  ...["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "xapp-"].map((prefix) => ({
    prefix,
    rest: `${ALNUM}-`,
    atLeast: 10,
  })),
  { prefix: "whsec_", rest: `${DASHED}+/=`, atLeast: 20 },
  { prefix: "npm_", rest: ALNUM, atLeast: 36 },
];

/** JSON Web Tokens: a header that starts like this, a dot, and a second part that starts like this. */
export const JWT_START = "eyJ";
/** What the parts of a JSON Web Token and the dots between them consist of. */
export const JWT_REST = `${DASHED}.`;
/** Bytes of the longest JSON Web Token header that is recognised. */
export const JWT_LONGEST_HEADER = 512;

/** Texts that open a private key; hidden from there to {@link KEY_BLOCK_END}. */
export const KEY_BLOCK_STARTS = ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "].map(
  (kind) => `-----BEGIN ${kind}PRIVATE KEY-----`,
);
/** The text that ends a private key. */
export const KEY_BLOCK_END = "PRIVATE KEY-----";
/** Bytes after which a private key without an end is no longer hidden. */
export const KEY_BLOCK_LONGEST = 16 * 1_024;
