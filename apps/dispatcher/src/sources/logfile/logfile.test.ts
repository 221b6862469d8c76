import {
  appendFile,
  chmod,
  chown,
  copyFile,
  lchown,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { anyType } from "../configured-type.ts";
import type { Occurrence } from "../contract.ts";
import { type PollingLife, pollingLife } from "../polling.fixture.ts";
import { sourceTypeSuite } from "../source-type.suite.ts";
import { logfile } from "./logfile.ts";

sourceTypeSuite({
  type: anyType(logfile),
  settings: {
    path: "/var/log/app/*.log",
    parse: { pattern: "^(?<level>\\w+) (?<message>.*)$" },
    multiline: { start: "^\\w+ ", flush: "1s" },
    from: "start",
  },
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-logfile-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

/** A source over the folder's logs that reads them from their beginning, each line alone, unless said otherwise. */
function source(settings: Readonly<Record<string, unknown>> = {}): PollingLife {
  const own = logfile.schema.parse({ path: at("*.log"), from: "start", multiline: "none", ...settings });
  return pollingLife(
    (stored) => {
      if (logfile.open === undefined) throw new Error("logfile does not read by itself");
      return logfile.open(own, stored);
    },
    () => Promise.reject(new Error("a log file asks nobody")),
  );
}

/** Polls until there is no more at once, and then until files that are missing are believed to be gone. */
async function all(life: PollingLife): Promise<Occurrence[]> {
  const found: Occurrence[] = [];
  for (let quiet = 0; quiet < 5; ) {
    const { occurrences, more } = await life.poll();
    found.push(...occurrences);
    life.now += 3_000;
    if (!more) quiet += 1;
  }
  return found;
}

/** Root may read everything: then as another user. */
async function asNobody(act: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return act();
  process.seteuid?.(65_534);
  try {
    await act();
  } finally {
    process.seteuid?.(0);
  }
}

const titles = async (life: PollingLife) => (await all(life)).map(({ title }) => title);
/** Longer than the head a file is known by, so that files differ in it. */
const lines = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name} line number ${index} with some more words in it\n`).join("");

describe("a log file", () => {
  test("is read from its end on, and files that come later from their beginning", async () => {
    await writeFile(at("a.log"), "old one\nold tw");
    const life = source({ from: "end" });
    expect(await titles(life)).toEqual([]);
    await appendFile(at("a.log"), "o\nnew\n");
    await writeFile(at("b.log"), "first\n");
    expect(await titles(life)).toEqual(["new", "first"]);
  });

  test("a line counts once it is whole, and once only, also after a restart", async () => {
    await writeFile(at("a.log"), "one\ntw");
    const life = source();
    expect(await titles(life)).toEqual(["one"]);
    life.restart();
    await appendFile(at("a.log"), "o\nthree\n");
    expect(await titles(life)).toEqual(["two", "three"]);
    life.restart();
    expect(await titles(life)).toEqual([]);
  });

  test("what was lost before it was committed is read again, with the same groups", async () => {
    await writeFile(at("a.log"), "user 7 is gone for ever\ndisk of node seven is full\n");
    const life = source();
    const lost = await life.lost();
    expect(await all(life)).toEqual(lost.occurrences);
  });

  test("carriage returns, bytes that are no UTF-8, blank lines and a byte of zero do no harm", async () => {
    await writeFile(at("a.log"), Buffer.from("one\r\n\r\n\ntwo \xff\xfe\nthr\0ee\n", "latin1"));
    expect(await titles(source())).toEqual(["one", "two \ufffd\ufffd", "thr\0ee"]);
  });

  test("of a line beyond the cap the beginning counts, once, however it arrives", async () => {
    await writeFile(at("a.log"), "x".repeat(200_000));
    const life = source();
    expect((await titles(life)).map((title) => title.length)).toEqual([32_768]);
    await appendFile(at("a.log"), "y".repeat(200_000));
    life.restart();
    expect(await titles(life)).toEqual([]);
    await appendFile(at("a.log"), "z\nnext\n");
    expect(await titles(life)).toEqual(["next"]);
  });

  test("a long file is read in pieces, and many groups are told little by little", async () => {
    const words = ["red", "blue", "green", "pink", "grey", "black", "white", "brown", "gold", "cyan"];
    const many = words.flatMap((a) => words.flatMap((b) => words.map((c) => `${a} ${b} ${c}\n`)));
    await writeFile(at("a.log"), many.join("") + lines("a", 30_000));
    const life = source();
    let count = 0;
    let polls = 0;
    for (let more = true; more; polls += 1) {
      const polled = await life.poll();
      expect(new Set(polled.occurrences.map(({ fields }) => fields["template"])).size).toBeLessThanOrEqual(200);
      count += polled.occurrences.length;
      more = polled.more;
    }
    expect(count).toBe(31_000);
    expect(polls).toBeGreaterThan(5);
  });

  test("what is no plain file, is packed, or is a link to nothing is passed over", async () => {
    await mkdir(at("folder.log"));
    await writeFile(at("a.log.gz"), "packed\n");
    await symlink(at("nothing"), at("broken.log"));
    await writeFile(at("real"), "linked\n");
    await symlink(at("real"), at("c.log"));
    expect(await titles(source({ path: at("*") }))).toEqual(["linked"]);
  });

  test.runIf(process.getuid?.() === 0)(
    "a link leads to nothing that is not of who laid it, unless it is the server's own",
    async () => {
      const stranger = 65_001;
      await writeFile(at("secrets.env"), "TOKEN=x\n", { mode: 0o600 });
      await symlink(at("secrets.env"), at("evil.log"));
      await lchown(at("evil.log"), stranger, stranger);
      await writeFile(at("theirs"), "theirs\n");
      await chown(at("theirs"), stranger, stranger);
      await symlink(at("theirs"), at("current.log"));
      await lchown(at("current.log"), stranger, stranger);
      await writeFile(at("ours"), "ours\n");
      await symlink(at("ours"), at("ours.log"));
      expect((await titles(source())).toSorted()).toEqual(["ours", "theirs"]);
    },
  );

  test("a link into a folder that may not be entered does not stop the others", async () => {
    await chmod(folder, 0o755);
    await mkdir(at("closed"), { mode: 0o700 });
    await writeFile(join(at("closed"), "x"), "closed\n");
    await symlink(join(at("closed"), "x"), at("b.log"));
    await writeFile(at("a.log"), "open\n");
    if (process.getuid?.() !== 0) await chmod(at("closed"), 0);
    await asNobody(async () => expect(await titles(source())).toEqual(["open"]));
    await chmod(at("closed"), 0o700);
  });
});

const TRACES = [
  [
    "java.lang.IllegalStateException: no stock for 7",
    "\tat a.Shelf.take(Shelf.java:48)",
    "\tat a.Main.main(Main.java:9)",
  ],
  ["Traceback (most recent call last):", '  File "/srv/pay.py", line 31, in pay', "    total()", "KeyError: 7"],
  ["TypeError: no price", "    at total (/srv/app/pay.js:10:5)", "    at /srv/app/main.js:1:1"],
  ["panic: no stock", "", "goroutine 7 [running]:", "main.take(...)", "\t/srv/app/main.go:48 +0x1d", "exit status 2"],
];

describe("stack traces", () => {
  test("written piece by piece into two files at once are one occurrence each, in the same group wherever they come", async () => {
    const life = source({ multiline: "auto" });
    const found: Occurrence[] = [];
    const two = [TRACES.flat(), [...TRACES].reverse().flat()];
    await writeFile(at("a.log"), "20:15:00 INFO begun\n");
    await writeFile(at("b.log"), "20:15:00 INFO begun\n");
    for (let line = 0; line < (two[0]?.length ?? 0); line += 1) {
      await appendFile(at("a.log"), `${two[0]?.[line]}\n`);
      await appendFile(at("b.log"), `${two[1]?.[line]}\n`);
      found.push(...(await life.poll()).occurrences);
      life.now += 500;
      if (line % 4 === 0) life.restart();
    }
    found.push(...(await all(life)));
    const errors = found.map(({ fields }) => fields["error"] ?? "").sort();
    const types = ["KeyError", "TypeError", "java.lang.IllegalStateException", "panic"];
    expect(errors).toEqual(["", "", ...types.flatMap((type) => [type, type])].sort());
    expect(new Set(found.map(({ fields }) => fields["template"])).size).toBe(5);
  });

  test("an entry waits for its next line, no longer than it may", async () => {
    const life = source({ multiline: "auto" });
    await writeFile(at("a.log"), "20:15:00 ERROR it broke\n");
    expect((await life.poll()).occurrences).toEqual([]);
    life.now += 1_000;
    await appendFile(at("a.log"), "TypeError: no\n    at x (/srv/a.js:1:1)\n");
    expect((await life.poll()).occurrences).toEqual([]);
    life.now += 1_999;
    expect((await life.poll()).occurrences).toEqual([]);
    life.now += 1;
    expect((await life.poll()).occurrences.map(({ title }) => title)).toEqual(["TypeError: no"]);
  });
});

describe("a log that is rotated", () => {
  test("by rename: the rest of the old file and the new one are read", async () => {
    await writeFile(at("a.log"), lines("old", 40));
    const life = source();
    expect(await all(life)).toHaveLength(40);
    await appendFile(at("a.log"), "the last of the old\n");
    await rename(at("a.log"), at("a.log.1"));
    await writeFile(at("a.log"), lines("new", 40));
    // A program may go on in the old file until it is told.
    await appendFile(at("a.log.1"), "even later\n");
    const read = await titles(life);
    expect(read).toHaveLength(42);
    expect(read).toEqual(expect.arrayContaining(["the last of the old", "even later"]));
    await rename(at("a.log.1"), at("a.log.2"));
    await rename(at("a.log"), at("a.log.1"));
    expect(await titles(life)).toEqual([]);
  });

  test("by rename while nobody looked, and then the process started anew", async () => {
    await writeFile(at("a.log"), lines("old", 40));
    const life = source();
    await all(life);
    await appendFile(at("a.log"), "between");
    await rename(at("a.log"), at("a.log.1"));
    await writeFile(at("a.log"), "new\n");
    life.restart();
    expect((await titles(life)).sort()).toEqual(["between", "new"]);
  });

  test("also when the pattern fits the rotated names", async () => {
    const life = source({ path: at("a.log*") });
    await writeFile(at("a.log"), lines("old", 40));
    expect(await all(life)).toHaveLength(40);
    await rename(at("a.log"), at("a.log.1"));
    await writeFile(at("a.log"), lines("new", 40));
    expect(await all(life)).toHaveLength(40);
  });

  test.each(["a.log", "a.log*"])(
    "by copy and truncation, with the pattern %s: the rest is read from the copy",
    async (path) => {
      await writeFile(at("a.log"), lines("old", 40));
      const life = source({ path: at(path) });
      expect(await all(life)).toHaveLength(40);
      await appendFile(at("a.log"), "unread yet\n");
      await copyFile(at("a.log"), at("a.log.1"));
      // A look between the copy and the truncation.
      expect(await titles(life)).toEqual(["unread yet"]);
      await appendFile(at("a.log"), "more\n");
      await copyFile(at("a.log"), at("a.log.1"));
      await truncate(at("a.log"));
      expect(await titles(life)).toEqual(["more"]);
      await appendFile(at("a.log"), lines("new", 40));
      expect(await all(life)).toHaveLength(40);
      await rename(at("a.log.1"), at("a.log.2"));
      await copyFile(at("a.log"), at("a.log.1"));
      await writeFile(at("a.log"), lines("newer and longer than ever", 60));
      expect(await all(life)).toHaveLength(60);
    },
  );

  test("a truncated file without a copy is read from its beginning", async () => {
    await writeFile(at("a.log"), lines("old", 40));
    const life = source();
    await all(life);
    await writeFile(at("a.log"), "short\n");
    expect(await titles(life)).toEqual(["short"]);
  });

  test("a file that was cut in its middle is read from its beginning", async () => {
    await writeFile(at("a.log"), lines("old", 60));
    const life = source();
    await all(life);
    await truncate(at("a.log"), lines("old", 50).length);
    expect(await all(life)).toHaveLength(50);
  });

  test("an inode that is used again is another file", async () => {
    const life = source();
    for (let round = 0; round < 5; round += 1) {
      await writeFile(at("a.log"), lines(`round ${round}`, 50));
      expect(await all(life)).toHaveLength(50);
      await rm(at("a.log"));
    }
  });

  test("lines that are not finished are waited for and not read again at once", async () => {
    for (let n = 0; n < 20; n += 1) await writeFile(at(`${n}.log`), `begun ${n} `.padEnd(60_000, "."));
    const life = source();
    expect(await life.poll()).toMatchObject({ occurrences: [], more: false });
    await appendFile(at("7.log"), "\n");
    const found: Occurrence[] = [];
    for (let look = 0; look < 3; look += 1) found.push(...(await life.poll()).occurrences);
    expect(found).toHaveLength(1);
  });

  test("a file that may not be read, known or beside a known one, does not stop the others", async () => {
    await chmod(folder, 0o755);
    await Promise.all(["a", "b", "c"].map((name) => writeFile(at(`${name}.log`), lines(name, 40))));
    const life = source();
    expect(await all(life)).toHaveLength(120);
    await writeFile(at("b.key"), "nobody's business\n");
    await chmod(at("b.key"), 0);
    await chmod(at("a.log"), 0);
    await writeFile(at("b.log"), "b anew\n");
    await appendFile(at("c.log"), "c goes on\n");
    await asNobody(async () => {
      expect((await titles(life)).toSorted()).toEqual(["b anew", "c goes on"]);
      expect((await life.poll()).notice).toBe(`${at("a.log")} may not be read`);
    });
    await chmod(at("a.log"), 0o644);
    await appendFile(at("a.log"), "a goes on\n");
    expect(await titles(life)).toEqual(["a goes on"]);
  });

  test("what is said of files that may not be read is short, whatever their names are", async () => {
    await chmod(folder, 0o755);
    const deep = join(folder, ...Array.from({ length: 9 }, () => "n".repeat(250)));
    await mkdir(deep, { recursive: true, mode: 0o755 });
    await writeFile(join(deep, "a.log"), "x\n", { mode: 0 });
    const life = source({ path: at("**/*.log") });
    await asNobody(async () => {
      const { notice = "" } = await life.poll();
      expect(notice.length).toBe(1_024);
    });
  });

  test("a file in a folder that may not be listed is read on after it was written anew", async () => {
    await chmod(folder, 0o711);
    await writeFile(at("a.log"), lines("old", 40));
    const life = source({ path: at("a.log") });
    await asNobody(async () => expect(await all(life)).toHaveLength(40));
    await writeFile(at("a.log"), "anew\n");
    await asNobody(async () => expect(await titles(life)).toEqual(["anew"]));
  });

  test("files that are gone are forgotten", async () => {
    await writeFile(at("a.log"), "x\n");
    const life = source();
    await all(life);
    expect([...life.memories.keys()].filter((id) => id.startsWith("file."))).toHaveLength(1);
    await rm(at("a.log"));
    await all(life);
    expect([...life.memories.keys()].filter((id) => id.startsWith("file."))).toEqual([]);
  });
});
