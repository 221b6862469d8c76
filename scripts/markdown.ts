// The little of Markdown that the tests of our own documents read: headings, tables, links and code spans.

/** Rows of the first table under a heading, each cell by the lower-case title of its column. Empty when there is none. */
export function readTable(markdown: string, heading: string): Record<string, string>[] {
  const lines = section(markdown, heading).split("\n");
  const first = lines.findIndex((line) => line.trim().startsWith("|"));
  if (first < 0) return [];
  const titles = cells(lines[first] ?? "").map((title) => title.toLowerCase());
  const rows: Record<string, string>[] = [];
  for (const line of lines.slice(first + 2)) {
    if (!line.trim().startsWith("|")) break;
    rows.push(Object.fromEntries(cells(line).map((cell, at) => [titles[at] ?? String(at), cell])));
  }
  return rows;
}

/** The text between a heading of any level and the next one of the same or a higher level; empty when it is missing. */
function section(markdown: string, heading: string): string {
  const lines = markdown.split("\n");
  const start = lines.findIndex((line) => /^#+\s/.test(line) && line.replace(/^#+\s+/, "").trim() === heading);
  if (start < 0) return "";
  const level = /^#+/.exec(lines[start] ?? "")?.[0].length ?? 1;
  const length = lines.slice(start + 1).findIndex((line) => (/^#+(?=\s)/.exec(line)?.[0].length ?? 99) <= level);
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join("\n");
}

/** Targets of `[text](target)`, `![text](target)` and `[name]: target`, outside code blocks. */
export function links(markdown: string): string[] {
  const text = withoutBlocks(markdown).replace(/`[^`\n]*`/g, "");
  const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map((match) => match[1] ?? "");
  const named = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map((match) => match[1] ?? "");
  const html = [...text.matchAll(/\b(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
  return [...inline, ...named, ...html];
}

/** What stands in single backticks, outside code blocks. */
export function codeSpans(markdown: string): string[] {
  return [...withoutBlocks(markdown).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
}

/** Every piece of code: the spans in backticks and the blocks between fences. */
export function allCode(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^ {0,3}(```|~~~)[^\n]*\n([\s\S]*?)^ {0,3}\1/gm)].map((match) => match[2] ?? "");
  return [...codeSpans(markdown), ...blocks];
}

/** The code spans in the first column of every table. */
export function firstColumns(markdown: string): string[] {
  const rows = withoutBlocks(markdown)
    .split("\n")
    .filter((line) => line.trim().startsWith("|"));
  return rows.flatMap((row) => codeSpans(cells(row)[0] ?? ""));
}

/** The anchors of all headings, as GitHub makes them. */
export function headings(markdown: string): string[] {
  const titles = withoutBlocks(markdown)
    .split("\n")
    .filter((line) => /^#{1,6}\s/.test(line));
  const anchors = titles.map((line) => {
    const text = line
      .replace(/^#+\s+/, "")
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase();
    return text.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
  });
  return anchors.map((anchor, at) => {
    const before = anchors.slice(0, at).filter((other) => other === anchor).length;
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}

function withoutBlocks(markdown: string): string {
  return markdown.replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1/gm, "");
}

function cells(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}
