/**
 * A way of speaking with a model: how a request says what it wants, how an answer says what it used, how an error looks.
 * A provider speaks one or more of them; a server of the operator's own may speak three.
 */
import type { ReadRequest } from "../call-request.ts";
import type { Fields } from "../json.ts";
import type { UsageReader } from "../usage-meter.ts";

export interface Dialect {
  /** What a request asks for. `pathModel` is the model that the path names, where this API names it there. */
  readonly read: (body: Fields, bytes: Buffer, pathModel: string | null) => ReadRequest;
  readonly usage: UsageReader;
  /** The members of an error's body. */
  readonly error: (status: number, code: string, message: string) => Fields;
  /**
   * The status of a refusal that repeating does not help: one that the clients of this API do not repeat. What they do
   * repeat differs; the codes are the same in the body of all.
   */
  readonly finalStatus: (status: number) => number;
}
