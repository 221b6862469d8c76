/** Over which channels people are told: hive notify ls, hive notify test NAME. */

import type { NotifyChannel } from "@hive/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { duration, plain, table } from "../output.ts";

/** Adds the commands over channels. */
export function addNotifyCommands(program: Command, context: () => Context): void {
  const notify = program
    .command("notify")
    .description("how people are told what needs them: see docs/notifications.md");

  notify
    .command("ls", { isDefault: true })
    .description("every channel: what it is told, what waits, what went wrong")
    .action(async () => {
      const { hive, output } = context();
      const channels = await hive().notify.list();
      output.answer({ channels }, () => channelTable(channels));
    });

  notify
    .command("test")
    .description("send a test over a channel now, and print what the other side said")
    .argument("<name>", "the channel's name in hive.yaml")
    .action(async (name: string) => {
      const { hive, output } = context();
      const result = await hive().notify.test(name);
      const { ok, said, ms } = result;
      output.answer(result, () => plain(`${ok ? "taken" : "not taken"} after ${duration(ms)}: ${said}`));
      if (!ok) process.exitCode = 1;
    });

  for (const command of notify.commands)
    command.option("--json", "answer with JSON").on("option:json", () => program.setOptionValue("json", true));
}

/** The table of `hive notify`. */
export function channelTable(channels: readonly NotifyChannel[]): string {
  if (channels.length === 0)
    return "There are no channels. They stand in hive.yaml under notify: see docs/notifications.md";
  const rows = channels.map((one) => [
    one.name,
    one.type,
    one.on.join(","),
    one.toldAt === null ? "not yet" : instant(one.toldAt),
    String(one.waiting),
    stateOf(one),
  ]);
  return table(["CHANNEL", "TYPE", "ON", "TOLD", "WAITING", "STATE"], rows);
}

function stateOf({ lastError, quietUntil, nextAt }: NotifyChannel): string {
  if (lastError !== null) {
    const again = nextAt === null ? "" : `, again ${instant(nextAt)}`;
    return `trouble since ${instant(lastError.at)}${again}: ${lastError.message}`;
  }
  return quietUntil === null ? "ok" : `quiet until ${instant(quietUntil)}`;
}

const instant = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
