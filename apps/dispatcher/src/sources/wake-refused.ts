/** Groups whose job was refused for what the settings say are decided about again: a server may have begun with others. */

import type { Group } from "@hive/core";
import type { Queue } from "../queue/contract.ts";
import { everyPage } from "../store/every-document.ts";
import type { Source } from "./source-settings.ts";

/** To be called once for each source as this dispatcher begins to look after it. @throws HiveError as `submit` */
export async function wakeRefused(
  queue: Pick<Queue, "submit" | "documents">,
  { id: source, policy }: Pick<Source, "id" | "policy">,
): Promise<void> {
  const held = { collection: "groups", index: "stage", equals: { source, stage: "held" } } as const;
  for await (const page of everyPage(queue.documents, held)) {
    const groups: unknown[] = page.map(({ doc }) => doc);
    const refused = (groups as Group[]).filter(({ hold }) => hold?.reason === "refused");
    const fingerprints = refused.map(({ fingerprint }) => fingerprint);
    if (fingerprints.length > 0) await queue.submit<"wakeGroups">({ type: "wakeGroups", source, fingerprints, policy });
  }
}
