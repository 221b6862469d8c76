import { testLeadership } from "../../leader/leadership.fixture.ts";
import { storeSuite } from "../contract.suite.ts";
import { MemoryContent } from "./memory-content.ts";
import { MemoryStore } from "./memory-store.ts";

/** Without a term every opener finds the one before it gone: what the suite means by a takeover. */
const shared = { leadership: testLeadership({ url: "http://a", mono: () => 0, termMs: 0 }), mono: () => 0 };

for (const kind of ["exclusive", "takeover", "shared"] as const) {
  const openers = kind === "exclusive" ? kind : "takeover";
  const more = kind === "shared" ? { shared } : { openers: kind };
  storeSuite(`memory (${kind})`, async () => {
    const content = new MemoryContent();
    return {
      store: () => new MemoryStore({ content, ...more }),
      openers,
      corrupt: async (collection, id, find, replace) =>
        content.corrupt(collection, id, (json) => json.replace(find, replace)),
      dispose: async () => {},
    };
  });
}
