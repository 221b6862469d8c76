/** Builds the worker image of this checkout with the engine's own builder. */

import type { Readiness } from "../provider.ts";

export interface ImageBuild {
  /** Begins a build unless one runs or the last one failed a moment ago; says which. */
  begin(): Extract<Readiness, { ready: false }>;
}
