/** What the gateway's process says, in the server's own log: troubles and, where they are wanted, prompts; else for debugging. */
import type { Logger } from "pino";
import { objectOf, parseJson } from "./json.ts";

const WARN = 40;

/** Takes one line of the gateway's log. `showAll`: the operator wants to see what is asked and answered. */
export function tellGatewayLine(log: Logger, line: string, showAll: boolean): void {
  const { level, time: _time, pid: _pid, hostname: _host, name: _name, msg, ...fields } = objectOf(parseJson(line));
  const entry = { part: "gateway", ...fields };
  const text = typeof msg === "string" ? msg : line;
  if (typeof level !== "number" || level >= WARN) {
    log.warn(entry, text);
  } else if (showAll) {
    log.info(entry, text);
  } else {
    log.debug(entry, text);
  }
}
