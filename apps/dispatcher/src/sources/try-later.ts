/** The sender cannot be asked just now: nothing is wrong with what it said, and it is to be read again in a moment. */
export class TryLater extends Error {
  override readonly name: string = "TryLater";
}
