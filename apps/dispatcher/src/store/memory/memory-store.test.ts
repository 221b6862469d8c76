import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeSuite } from "../contract.suite.ts";
import { MemoryContent } from "./memory-content.ts";
import { MemoryStore } from "./memory-store.ts";

for (const openers of ["exclusive", "takeover"] as const) {
  storeSuite(`memory (${openers})`, async () => {
    const content = new MemoryContent();
    const folder = await mkdtemp(join(tmpdir(), "hive-memory-"));
    return {
      store: () => new MemoryStore({ content, openers }),
      openers,
      corrupt: async (collection, id, find, replace) =>
        content.corrupt(collection, id, (json) => json.replace(find, replace)),
      fromSnapshot: (path) => new MemoryStore({ content: MemoryContent.fromSnapshot(path) }),
      path: (name) => join(folder, name),
      dispose: () => rm(folder, { recursive: true }),
    };
  });
}
