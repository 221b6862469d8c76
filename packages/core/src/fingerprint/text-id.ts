/** A short name for a text, the same wherever and whenever it is worked out. Not for secrets: it can be forged. */

/** 20 characters of `[0-9a-z]`: two independent 53-bit hashes. */
export function textId(text: string): string {
  return half(text, 0x9e37_79b9) + half(text, 0x85eb_ca6b);
}

/** Two multiplying 32-bit hashes that stir each other at the end. */
function half(text: string, seed: number): string {
  let a = 0xdead_beef ^ seed;
  let b = 0x41c6_ce57 ^ seed;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 2_654_435_761);
    b = Math.imul(b ^ unit, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  const value = 4_294_967_296 * (2_097_151 & b) + (a >>> 0);
  return value.toString(36).padStart(11, "0").slice(-10);
}
