// The readers of our own documents see what a reader of the page sees; if they saw nothing, the documents' tests would
// pass over anything.
import { expect, it } from "vitest";
import { allCode, codeSpans, firstColumns, headings, links, readTable } from "./markdown.ts";

const page = `# Hive & its parts

See [the map](docs/ARCHITECTURE.md#the-tree "map"), ![picture](public/hive.png) and [more][more]; not \`[code](no.md)\`.

[more]: docs/AUTH.md
<img src="public/hive.svg" width="96">

## Who may import whom

Words first.

| Part | may import |
|---|---|
| \`packages/core\` | nothing |
| \`packages/sdk\`, \`x\` | \`protocol\` |

## Again

\`\`\`sh
npm run demo   # [not a link](no.md)
# not a heading
\`\`\`

## Again

Run \`npm test\`.
`;

it("links are those of the text, the pictures and the references, not of code", () => {
  expect(links(page)).toEqual(["docs/ARCHITECTURE.md#the-tree", "public/hive.png", "docs/AUTH.md", "public/hive.svg"]);
});

it("headings become the anchors GitHub makes, numbered when they repeat", () => {
  expect(headings(page)).toEqual(["hive--its-parts", "who-may-import-whom", "again", "again-1"]);
});

it("a table is read by its heading and its titles", () => {
  expect(readTable(page, "Who may import whom")).toEqual([
    { part: "`packages/core`", "may import": "nothing" },
    { part: "`packages/sdk`, `x`", "may import": "`protocol`" },
  ]);
  expect(readTable(page, "Again")).toEqual([]);
  expect(readTable(page, "Not there")).toEqual([]);
});

it("code is what stands in backticks and between fences", () => {
  expect(codeSpans(page)).toEqual(["[code](no.md)", "packages/core", "packages/sdk", "x", "protocol", "npm test"]);
  expect(allCode(page).some((code) => code.includes("npm run demo"))).toBe(true);
  expect(firstColumns(page)).toEqual(["packages/core", "packages/sdk", "x"]);
});
