/** Goes through all that a query finds, a page at a time: nobody needs to know how long a page is. */

import type { Page, Query, Store } from "./contract.ts";

/** Documents of a page, where they are small. */
const PAGE = 500;

/** What a query finds, in its order. What is written meanwhile is in it or not. @throws what `Store.list` throws */
export async function* everyDocument(
  store: Pick<Store, "list">,
  query: Omit<Query, "after" | "limit">,
): AsyncGenerator<Page["items"][number]> {
  for await (const items of everyPage(store, query)) yield* items;
}

/** As `everyDocument`, a page at a time: each is read when it is asked for, after all before it were used. */
export async function* everyPage(
  store: Pick<Store, "list">,
  query: Omit<Query, "after" | "limit">,
): AsyncGenerator<Page["items"]> {
  for (let after: Query["after"]; ; ) {
    const page: Page = await store.list({ ...query, limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield page.items;
    if (page.next === null) return;
    after = page.next;
  }
}
