/**
 * The data folder of an older version, as it lay there when that version was killed. `fixtures/data-of-0.1.0.json` holds
 * every row of its database and every file of its logs; nothing of it is ever made anew by newer code.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

export interface OldData {
  /** The secrets it ran with, as variables. */
  readonly env: Readonly<Record<string, string>>;
  /** The status of each job. */
  readonly jobs: Readonly<Record<string, string>>;
}

interface Fixture extends OldData {
  readonly applicationId: number;
  readonly schema: readonly string[];
  /** Rows by table. */
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, SQLInputValue>>[]>>;
  /** Base64 by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** Lays it out in this folder, which must be empty. */
export function layOutOldData(folder: string): OldData {
  const text = readFileSync(join(import.meta.dirname, "fixtures/data-of-0.1.0.json"), "utf8");
  const fixture = JSON.parse(text) as Fixture;
  for (const [path, base64] of Object.entries(fixture.files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, path), Buffer.from(base64, "base64"), { mode: 0o600 });
  }
  const database = new DatabaseSync(join(folder, "hive.db"));
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA application_id = ${fixture.applicationId}; BEGIN`);
    for (const sql of fixture.schema) database.exec(sql);
    for (const [table, rows] of Object.entries(fixture.tables)) {
      for (const row of rows) {
        const columns = Object.keys(row);
        const marks = columns.map(() => "?").join(", ");
        database.prepare(`INSERT INTO "${table}" (${columns.join(", ")}) VALUES (${marks})`).run(...Object.values(row));
      }
    }
    database.exec("COMMIT");
  } finally {
    database.close();
  }
  return { env: fixture.env, jobs: fixture.jobs };
}
