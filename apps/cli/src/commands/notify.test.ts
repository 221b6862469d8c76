import type { NotifyChannel } from "@hive/sdk";
import { expect, it } from "vitest";
import { channelTable } from "./notify.ts";

const AT = Date.parse("2026-11-24T08:30:00Z");
const channel: NotifyChannel = {
  ...{ name: "team", type: "slack", on: ["decision", "failed"], timezone: "UTC", quiet: null, digest: null },
  ...{ waiting: 0, toldAt: AT, lastError: null, quietUntil: null, nextAt: null },
};

it("channels are listed with when they were told last, what waits and what is in the way", () => {
  const lastError = { at: AT, message: "hooks.example\u001b[31m answered 500" };
  const lines = channelTable([
    channel,
    { ...channel, name: "me", type: "email", waiting: 3, toldAt: null, quietUntil: AT },
    { ...channel, name: "chat", type: "discord", waiting: 1, lastError, nextAt: AT + 5_000 },
  ]).split("\n");
  expect(lines).toEqual([
    "CHANNEL  TYPE     ON               TOLD                  WAITING  STATE",
    "team     slack    decision,failed  2026-11-24T08:30:00Z  0        ok",
    "me       email    decision,failed  not yet               3        quiet until 2026-11-24T08:30:00Z",
    "chat     discord  decision,failed  2026-11-24T08:30:00Z  1        trouble since 2026-11-24T08:30:00Z, again 2026-11-24T08:30:05Z: hooks.example answered 500",
  ]);
  expect(channelTable([])).toMatch(/hive\.yaml/);
});
