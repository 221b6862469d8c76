/** What the store asks of its threads. Lists are flat arrays: they cross between threads several times faster. */

import type { CollectionDeclaration } from "@hive/core";
import type { Cursor, Election } from "../contract.ts";
import type { Column, CompiledQuery } from "../declared.ts";

export interface WriterCalls {
  readonly open: {
    readonly ask: {
      readonly path: string;
      readonly declarations: readonly CollectionDeclaration[];
      readonly electionId: string;
      readonly minEpoch: number;
      readonly command: string;
    };
    readonly answer: Election;
  };
  readonly commit: {
    readonly ask: {
      readonly election: Election;
      readonly sequence: number;
      /** For each document that must be absent: number of its collection, id. */
      readonly absent: readonly Column[];
      /** For each change: number of its collection, id, JSON or null, and after JSON the index columns. */
      readonly changes: readonly Column[];
    };
    readonly answer: void;
  };
  readonly close: { readonly ask: null; readonly answer: void };
}

/** A page of documents: their ids, and a JSON array of them in the same order, each verified. */
export interface RawPage {
  readonly ids: readonly string[];
  readonly json: string;
  readonly next: Cursor | null;
}

export interface ReaderCalls {
  readonly open: {
    readonly ask: { readonly path: string; readonly declarations: readonly CollectionDeclaration[] };
    readonly answer: void;
  };
  /**
   * Numbers of collections and ids in turn; answers JSON arrays, one behind the other, with null for what is not there. One
   * text could not be as long as many large documents are.
   */
  readonly get: { readonly ask: readonly Column[]; readonly answer: readonly string[] };
  readonly list: { readonly ask: CompiledQuery; readonly answer: RawPage };
  /** What is damaged, in words; empty when every page, index and checksum is right. */
  readonly verify: { readonly ask: null; readonly answer: readonly string[] };
  readonly close: { readonly ask: null; readonly answer: void };
}
