/** The engine of this test run, for the files that use it. Where there is none, `isMissing` skips them. */
import { inject } from "vitest";
import type { TestEngine } from "./global-setup.ts";

const NONE: TestEngine = { socket: "", workerImage: "", dispatcherImage: "", hostAddress: "", engineAddress: "" };

const provided = inject("engine");

/** For `describe.skipIf`: the run has said why there is no engine. */
export const isMissing = "missing" in provided;
/** Empty texts where there is none. */
export const engine: TestEngine = "missing" in provided ? NONE : provided;
