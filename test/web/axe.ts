/** WCAG 2.2 AA, as far as a program can tell: axe inside the page, in the state it is in. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds, a line each: rule, place and what is wrong. */
export async function axeProblems(page: Page): Promise<readonly string[]> {
  // The page's policy lets no script in; the debugger's own way is not part of the page.
  await page.evaluate(source);
  const { violations } = await page.evaluate(async (tags) => {
    const { axe } = globalThis as unknown as {
      readonly axe: { run(node: Document, options: object): Promise<AxeResults> };
    };
    return axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  }, TAGS);
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(" ")}: ${failureSummary ?? ""}`),
  );
}
