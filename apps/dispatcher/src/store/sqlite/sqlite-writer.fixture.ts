/**
 * A process of its own that opens a SQLite store and commits until it is killed: for tests of crashes and of the lock.
 * It prints one line per event: `open`, `acknowledged <sequence>`, or the name and message of an error.
 */

import { SqliteStore } from "./sqlite-store.ts";

const [path = "", mode = "", first = "1"] = process.argv.slice(2);
const store = new SqliteStore(path);
try {
  const election = await store.open([{ name: "things", indexes: [{ name: "all", equals: [], range: "n" }] }]);
  console.log("open");
  for (let sequence = 1; mode === "commit"; sequence += 1) {
    const n = Number(first) + sequence;
    // Two documents a commit: a half of one would show.
    const changes = ["a", "b"].map((half) => ({
      collection: "things",
      id: `${n}${half}`,
      doc: { n, text: half.repeat(2000) },
    }));
    await store.commit({ election, sequence, changes });
    console.log(`acknowledged ${n}`);
  }
  // Holds the store until it is told to end.
  process.stdin.resume().on("end", () => void store.close());
} catch (error) {
  console.log(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
