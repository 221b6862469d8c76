import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tarOf } from "./archive.fixture.ts";
import { checkArchive } from "./check-archive.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hive-archive-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What comes through, with the archive cut into pieces of so many bytes. */
async function through(archive: Buffer, piece = 700, limits: { maxBytes?: number; maxEntries?: number } = {}) {
  async function* cut(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < archive.length; at += piece) yield await Promise.resolve(archive.subarray(at, at + piece));
  }
  const passed: Uint8Array[] = [];
  const rules = { path: "a/b", maxBytes: 1_000_000, maxEntries: 100, ...limits };
  for await (const bytes of checkArchive(cut(), rules)) passed.push(bytes);
  return Buffer.concat(passed);
}
const refused = (archive: Buffer, piece?: number) =>
  through(archive, piece).then(
    () => "taken",
    (error: unknown) => (error instanceof Error ? error.message : ""),
  );

test("what tar packs of a folder comes through byte for byte, however it is cut", async () => {
  const root = join(folder, "real");
  const deep = join(root, "a/b", "x".repeat(120), "ünïcode and spaces");
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, `${"y".repeat(150)}.txt`), "text");
  writeFileSync(join(root, "a/b/block"), Buffer.alloc(512, 7));
  writeFileSync(join(root, "a/b/empty"), "");
  symlinkSync("../../../etc/passwd", join(root, "a/b/out"));
  symlinkSync("z".repeat(200), join(root, "a/b/long-link"));
  const archive = execFileSync("tar", ["-c", "--format=gnu", "-C", root, "--", "a/b"]);
  for (const piece of [1, 511, 512, 513, 100_000]) expect(await through(archive, piece)).toEqual(archive);
});

test("a path out of the folder is refused before tar sees it", async () => {
  const paths = ["/etc/x", "../x", "a/b/../../x", "a/bb", "a", "a/b/./x", "a/b//x", "", "a/b/x/..", "./a/b/x", "a/B/x"];
  for (const path of paths)
    expect([path, await refused(tarOf([{ path }]))]).toEqual([path, expect.stringContaining("not inside")]);
  // A name that another reader would end somewhere else.
  expect(await refused(tarOf([{ path: "a/b/x\0/../../../etc/x" }]))).toBe("taken");
  expect(await refused(tarOf([{ path: "x".repeat(150), long: "../evil" }]))).toContain("not inside");
  expect(await refused(tarOf([{ path: "a/b/x", long: "/etc/evil" }]))).toContain("not inside");
});

test("nothing is written through a link, whatever the link is called", async () => {
  const link = { path: "a/b/link", type: "2", target: "/etc" };
  expect(await refused(tarOf([link]))).toBe("taken");
  expect(await refused(tarOf([link, { path: "a/b/link/x" }]))).toContain("through a link");
  expect(await refused(tarOf([link, { path: "a/b/link/deep/x" }]))).toContain("through a link");
  expect(await refused(tarOf([link, { path: "a/b/link" }]))).toContain("through a link");
  expect(await refused(tarOf([link, { path: "a/b/link/", type: "5" }]))).toContain("through a link");
  // The folder itself as a link would lead everything away.
  expect(await refused(tarOf([{ path: "a/b", type: "2", target: "/etc" }]))).toContain("not inside");
});

test("nothing but files, folders and links comes in", async () => {
  // Hard links, devices, a pipe, an old regular file, sparse files, and headers that change the next entry.
  for (const type of ["1", "3", "4", "6", "\0", "7", "S", "M", "N", "V", "x", "g", "A"]) {
    expect([type, await refused(tarOf([{ path: "a/b/x", type, target: "/etc/passwd" }]))]).toEqual([
      type,
      expect.stringContaining("neither"),
    ]);
  }
  expect(await refused(tarOf([{ path: "a/b/x", type: "5", body: "bytes" }]))).toContain("there can be none");
});

test("more than was agreed is refused, by bytes and by files", async () => {
  const files = Array.from({ length: 101 }, (_, at) => ({ path: `a/b/${at}` }));
  expect(await refused(tarOf(files.slice(1)))).toBe("taken");
  expect(await refused(tarOf(files))).toContain("more than 100 files");
  expect(await refused(tarOf([{ path: "a/b/x", size: "77777777777" }]))).toContain("more than 1000000 bytes");
  // Sizes that tar reads in other ways than octal.
  expect(await refused(tarOf([{ path: "a/b/x", size: "\x80\0\0\0\0\0\0\0\x7f\0\0\0" }]))).toContain("damaged");
  expect(await refused(tarOf([{ path: "a/b/x", size: "-1" }]))).toContain("damaged");
});

test("an archive that is cut off, damaged, of another form or goes on after its end is refused", async () => {
  const archive = tarOf([{ path: "a/b/x", body: "some bytes" }]);
  for (const size of [0, 100, 512, 700, 1_024])
    expect(await refused(archive.subarray(0, size))).toContain("in the middle");
  for (const at of [0, 100, 130, 160, 300]) {
    const damaged = Buffer.from(archive);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    expect([at, await refused(damaged)]).toEqual([at, "it is damaged"]);
  }
  expect(await refused(tarOf([{ path: "a/b/x", magic: "ustar\u000000" }]))).toContain("no archive of ours");
  expect(await refused(Buffer.concat([archive, tarOf([{ path: "a/b/y" }])]))).toContain("after its end");
  expect(await refused(Buffer.concat([archive, Buffer.from("x")]))).toContain("after its end");
  expect(await refused(Buffer.concat([archive, Buffer.alloc(2_000_000)]), 65_536)).toContain("after its end");
  expect(await refused(Buffer.from("not an archive".repeat(100)))).toContain("no archive of ours");
});
