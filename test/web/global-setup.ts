/** The pages as a start would serve them, built once for all files. */
import { buildWebUi } from "../../scripts/web-ui.ts";

export async function setup(): Promise<void> {
  await buildWebUi();
}
