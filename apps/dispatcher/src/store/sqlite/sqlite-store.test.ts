import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { storeSuite } from "../contract.suite.ts";
import { SqliteStore } from "./sqlite-store.ts";

storeSuite("sqlite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hive-sqlite-"));
  const path = join(folder, "data", "hive.db");
  return {
    store: () => new SqliteStore(path),
    openers: "exclusive",
    async corrupt(collection, id, find, replace) {
      using database = new DatabaseSync(path, { timeout: 5000 });
      database.prepare(`UPDATE "${collection}" SET doc = replace(doc, ?, ?) WHERE id = ?`).run(find, replace, id);
    },
    dispose: () => rm(folder, { recursive: true }),
  };
});
