/** Everything this server keeps, as one download. */

import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

export function backupHandlers({ backups, clock }: Pick<Parts, "backups" | "clock">): Pick<Handlers, "backup"> {
  return {
    async backup({ closed }) {
      const body = await backups.open();
      // Whoever hangs up wants no more of it.
      closed.addEventListener("abort", () => body.destroy(), { once: true });
      const name = `hive-${new Date(clock.wall()).toISOString().slice(0, 19).replaceAll(":", "")}.backup.gz`;
      return { body, headers: { "content-disposition": `attachment; filename="${name}"` } };
    },
  };
}
