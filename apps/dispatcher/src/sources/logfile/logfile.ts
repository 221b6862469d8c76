/**
 * The source type `logfile`: reads what programs append to files and says what happened, one occurrence per entry.
 * Where it stands in each file, and the templates that lines are grouped by, are memories: they are stored in the same
 * commit that counts the lines, so each line counts once, whatever dies in between.
 */

import { LineGroups, SIGNALS_MAX, identifyEntry, readEntry, severityOfLevel, textId } from "@hive/core";
import { z } from "zod";
import type { Occurrence, Polled, Poller, PollTools, SourceType } from "../contract.ts";
import { type Followed, followFiles } from "./follow-files.ts";
import { type FileRecord, FileMoved, fileKey, fileRecordSchema, headOf, readAt, withFile } from "./file-record.ts";
import { type LogfileSettings, flushOf, formatOf, logfileSchema, rulesOf } from "./log-settings.ts";
import { EntryReader, LINE_MAX } from "./read-entries.ts";

/** Bytes one poll reads at most. */
const BYTES_MAX = 1_048_576;
/** Entries one poll tells at most: with a `group.by` of the operator's each may be a group of its own. */
const ENTRIES_MAX = SIGNALS_MAX;
/** Groups one poll tells of at most: each is a signal with a sample, and all of them are one commit. */
const GROUPS_MAX = 200;
/** Characters of what is told of files that cannot be read: their names may be long. */
const NOTICE_MAX = 1_024;
/** Files that are rotated at the moment of a look are looked at again at once, so often. */
const LOOKS_MAX = 5;

const cursorSchema = z.object({ seen: z.int().min(0) });
const lineGroupSchema = z.object({
  kind: z.literal("line"),
  id: z.string(),
  words: z.array(z.string()),
  first: z.string(),
  used: z.int().min(0),
});

/** The source type `logfile`. */
export const logfile: SourceType<LogfileSettings> = {
  name: "logfile",
  schema: logfileSchema,
  fields: () => ({ texts: ["level", "logger", "message", "file", "template", "error"], maps: ["data"] }),
  everyMs: 1_000,
  open: (own, stored) => new LogPoller(own, stored),
};

/** A file that is being read. */
interface Tracked {
  record: FileRecord;
  reader: EntryReader;
  size: number;
  /** Since when it has this size, wall milliseconds. */
  sizeSince: number;
}

class LogPoller implements Poller {
  readonly #own: LogfileSettings;
  readonly #groups: LineGroups;
  readonly #files = new Map<string, Tracked>();
  /** Files as stored, as JSON. */
  readonly #stored = new Map<string, string>();
  readonly #missing = new Map<string, number>();
  #fresh: boolean;
  #seenStored: number;
  /** Files are read in turn, so that a busy one does not starve the others. */
  #turn = 0;

  constructor(
    own: LogfileSettings,
    stored: { readonly cursor: unknown; readonly memories: ReadonlyMap<string, object> },
  ) {
    this.#own = own;
    const cursor = cursorSchema.safeParse(stored.cursor);
    this.#fresh = !cursor.success;
    this.#seenStored = cursor.data?.seen ?? 0;
    const groups = [];
    for (const [id, value] of stored.memories) {
      const file = fileRecordSchema.safeParse(value);
      const group = lineGroupSchema.safeParse(value);
      if (group.success) groups.push(group.data);
      if (!file.success) continue;
      this.#stored.set(id, JSON.stringify(file.data));
      this.#track(id, file.data, 0);
    }
    this.#groups = new LineGroups(groups, this.#seenStored);
  }

  async poll(tools: PollTools): Promise<Polled> {
    const followed = await this.#look();
    if (followed === null) return { occurrences: [], cursor: null, memories: {}, more: false };
    const found = new Found(this.#own, this.#groups);
    for (const key of followed.lost) this.#give(key, found, tools.now, 0);
    for (const { record, size, begunAnew } of followed.files) {
      const key = fileKey(record);
      const tracked = this.#files.get(key);
      if (tracked === undefined || begunAnew) this.#track(key, record, tools.now).size = size;
      else {
        if (tracked.size !== size) tracked.sizeSince = tools.now;
        Object.assign(tracked, { record: { ...tracked.record, path: record.path, head: record.head }, size });
      }
    }
    for (const key of followed.gone) this.#files.delete(key);
    const more = await this.#readInTurn(found, tools);
    const polled = { occurrences: found.occurrences, cursor: this.#cursor(), memories: this.#changes(), more };
    const notice = [
      ...followed.notices,
      ...found.notices,
      ...(this.#files.size === 0 ? ["no file is there, or all are empty"] : []),
    ];
    return notice.length === 0 ? polled : { ...polled, notice: notice.slice(0, 3).join("; ").slice(0, NOTICE_MAX) };
  }

  committed(): void {
    // What was told is durable; reading goes on from what is in memory.
  }

  close(): void {
    // No file stays open between polls.
  }

  async #look(): Promise<Followed | null> {
    const records = new Map([...this.#files].map(([key, { record }]) => [key, record]));
    const known = { records, missing: this.#missing, fromEnd: this.#fresh && this.#own.from === "end" };
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      try {
        return await followFiles(this.#own.path, known);
      } catch (error) {
        if (!(error instanceof FileMoved)) throw error;
      }
    }
    return null;
  }

  async #readInTurn(found: Found, tools: PollTools): Promise<boolean> {
    const keys = [...this.#files.keys()];
    const from = keys.length === 0 ? 0 : this.#turn % keys.length;
    let room = BYTES_MAX;
    // Lines that are not finished are read again and again: with nothing else to read there is no more at once.
    let advanced = false;
    for (const [index, key] of [...keys.slice(from), ...keys.slice(0, from)].entries()) {
      const tracked = this.#files.get(key);
      if (tracked === undefined) continue;
      if (found.isFull || room < 2 * LINE_MAX) {
        this.#turn = from + index;
        return found.isFull || advanced;
      }
      const { readTo } = tracked.reader;
      const unread = tracked.size - readTo;
      if (unread > 0) room -= await this.#read(tracked, Math.min(room, unread), found, tools.now);
      advanced ||= tracked.reader.readTo > readTo;
      if (!found.isFull) this.#give(key, found, tools.now, flushOf(this.#own));
    }
    return found.isFull || (advanced && room < BYTES_MAX / 2);
  }

  /** Reads on in a file; gives the bytes that were read. */
  async #read(tracked: Tracked, bytes: number, found: Found, now: number): Promise<number> {
    const { record, reader } = tracked;
    const from = reader.readTo;
    let chunk: Buffer;
    try {
      chunk = await withFile(record, async (handle) => {
        const read = await readAt(handle, from, bytes);
        // Truncated, or written anew, while it was read: these bytes may begin in the middle of anything.
        if (read.length < bytes || (await headOf(handle, record.head)) === null) throw new FileMoved(record.path);
        return read;
      });
    } catch (error) {
      // Entries of other files are in hand: this file is read at the next look.
      if (!(error instanceof FileMoved)) found.notices.push(error instanceof Error ? error.message : String(error));
      return 0;
    }
    // A rotated file that stopped growing may end without a newline: nothing more will come.
    const rotated = record.path !== record.base && now - tracked.sizeSince >= flushOf(this.#own);
    reader.read(chunk, now, rotated && from + bytes === tracked.size, (entry) => {
      found.add(entry.text, record.base);
      this.#move(tracked, entry.end, entry.midLine);
      return found.isFull ? "stop" : "more";
    });
    if (!reader.holds) this.#move(tracked, reader.readTo, reader.midLine);
    return chunk.length;
  }

  /** Tells the entry that a file's reader holds back, when it waited for so long. */
  #give(key: string, found: Found, now: number, afterMs: number): void {
    const tracked = this.#files.get(key);
    const entry = tracked?.reader.flush(now, afterMs) ?? null;
    if (tracked === undefined || entry === null) return;
    found.add(entry.text, tracked.record.base);
    this.#move(tracked, entry.end, entry.midLine);
  }

  #move(tracked: Tracked, position: number, midLine: boolean): void {
    tracked.record = { ...tracked.record, position, midLine };
  }

  #track(key: string, record: FileRecord, now: number): Tracked {
    const reader = new EntryReader(rulesOf(this.#own), record.position, record.midLine);
    const tracked = { record, reader, size: record.position, sizeSince: now };
    this.#files.set(key, tracked);
    return tracked;
  }

  #cursor(): unknown {
    const { seen } = this.#groups;
    if (!this.#fresh && seen === this.#seenStored) return null;
    this.#fresh = false;
    this.#seenStored = seen;
    return { seen };
  }

  #changes(): Record<string, object | null> {
    const changes: Record<string, object | null> = {};
    for (const [id, group] of this.#groups.takeChanges())
      changes[`line.${id}`] = group === null ? null : { kind: "line", ...group };
    for (const key of this.#stored.keys()) {
      if (this.#files.has(key)) continue;
      changes[key] = null;
      this.#stored.delete(key);
    }
    for (const [key, { record }] of this.#files) {
      const text = JSON.stringify(record);
      if (this.#stored.get(key) === text) continue;
      changes[key] = record;
      this.#stored.set(key, text);
    }
    return changes;
  }
}

/** The occurrences of one poll. */
class Found {
  readonly occurrences: Occurrence[] = [];
  /** What could not be read, for people. */
  readonly notices: string[] = [];
  readonly #own: LogfileSettings;
  readonly #groups: LineGroups;
  readonly #identities = new Set<string>();

  constructor(own: LogfileSettings, groups: LineGroups) {
    this.#own = own;
    this.#groups = groups;
  }

  get isFull(): boolean {
    return this.occurrences.length >= ENTRIES_MAX || this.#identities.size >= GROUPS_MAX;
  }

  add(text: string, file: string): void {
    const entry = readEntry(formatOf(this.#own), text);
    const { identity, trace } = identifyEntry(entry, this.#groups);
    const template = textId(identity.join("\n"));
    this.#identities.add(template);
    const data = Object.entries(entry.fields).map(([name, value]) => [`data.${name}`, value] as const);
    this.occurrences.push({
      identity,
      title: trace === null ? entry.message : `${trace.type}: ${trace.message}`,
      text,
      state: "event",
      episode: null,
      severity: entry.level === null ? null : severityOfLevel(entry.level),
      at: entry.at,
      count: 1,
      note: false,
      link: null,
      fields: {
        level: entry.level ?? "",
        logger: entry.logger ?? "",
        message: entry.message,
        file,
        template,
        error: trace?.type ?? "",
        ...Object.fromEntries(data),
      },
    });
  }
}
