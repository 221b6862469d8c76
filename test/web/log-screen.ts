/** Finds its way in the log of a job, for tests. */
import type { Locator, Page } from "playwright-core";

/** A line by its number from 1, as far as it is on the page. */
export function lineOf(page: Page, line: number): Locator {
  return page.locator(`[data-line="${line - 1}"]`);
}

/** The scrolled part. */
export function logOf(page: Page): Locator {
  return page.getByRole("log");
}

/** How far its end is from what is seen, in pixels. */
export function belowOf(page: Page): Promise<number> {
  return logOf(page).evaluate((view) => view.scrollHeight - view.clientHeight - view.scrollTop);
}

/** Numbers, from 1, of the first and last line that are seen. */
export function seenLines(page: Page): Promise<readonly [number, number]> {
  return logOf(page).evaluate((view) => {
    const box = view.getBoundingClientRect();
    const seen = [...view.querySelectorAll<HTMLElement>("[data-line]")].filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return bottom > box.top + 1 && top < box.bottom - 1;
    });
    return [Number(seen[0]?.dataset["line"]) + 1, Number(seen.at(-1)?.dataset["line"]) + 1] as const;
  });
}
