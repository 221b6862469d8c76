import { describe, expect, it } from "vitest";
import { filesOf, linesOf } from "./parse-diff.ts";

const DIFF = `diff --git a/README.md b/README.md
index 1111111..2222222 100644
--- a/README.md
+++ b/README.md
@@ -1,3 +1,4 @@ heading
 # Shop
-Sells honey.
+Sells honey,
+and wax.
\\ No newline at end of file
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
index 1111111..0000000
--- a/gone.txt
+++ /dev/null
@@ -1,2 +0,0 @@
--- a/looks like a head
-+++ b/and this
diff --git "a/b\\303\\244r \\"1\\".txt" "b/b\\303\\244r \\"1\\".txt"
new file mode 100755
index 0000000..1111111
--- /dev/null
+++ "b/b\\303\\244r \\"1\\".txt"
@@ -0,0 +1 @@
+diff --git a/x b/x
diff --git a/logo.png b/logo.png
index 1111111..2222222 100644
Binary files a/logo.png and b/logo.png differ
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --git a/old name b/new name
similarity index 100%
rename from old name
rename to new name
`;

describe("reading a diff", () => {
  it("finds each file with its path, its change and its counts, whatever its lines look like", () => {
    expect(
      filesOf(DIFF).map(({ path, change, insertions, deletions, isBinary, about, oldPath }) => [
        path,
        change,
        insertions,
        deletions,
        isBinary,
        about,
        oldPath,
      ]),
    ).toEqual([
      ["README.md", "changed", 2, 1, false, "", null],
      ["gone.txt", "deleted", 0, 2, false, "", null],
      ['bär "1".txt', "added", 1, 0, false, "", null],
      ["logo.png", "changed", 0, 0, true, "", null],
      ["run.sh", "changed", 0, 0, false, "mode 100644 → 100755", null],
      ["new name", "renamed", 0, 0, false, "", "old name"],
    ]);
  });

  it("numbers the lines in the old and in the new file", () => {
    const [file] = filesOf(DIFF);
    if (file === undefined) throw new Error("no file");
    expect(linesOf(file, 100)).toEqual([
      { kind: "hunk", old: null, now: null, text: "@@ -1,3 +1,4 @@ heading" },
      { kind: "same", old: 1, now: 1, text: "# Shop" },
      { kind: "removed", old: 2, now: null, text: "Sells honey." },
      { kind: "added", old: null, now: 2, text: "Sells honey," },
      { kind: "added", old: null, now: 3, text: "and wax." },
      { kind: "note", old: null, now: null, text: "No newline at end of file" },
    ]);
    expect(linesOf(file, 2)).toHaveLength(2);
  });

  it("is empty where nothing changed, and shows what it can of a diff that was cut", () => {
    expect(filesOf("")).toEqual([]);
    expect(filesOf("no diff at all\n")).toEqual([]);
    const [file] = filesOf(DIFF.slice(0, 130));
    expect(file?.path).toBe("README.md");
  });
});
