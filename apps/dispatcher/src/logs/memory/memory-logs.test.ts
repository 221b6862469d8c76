import { logSuite } from "../contract.suite.ts";
import { MemoryLogs } from "./memory-logs.ts";

logSuite("memory", async () => {
  const first = new MemoryLogs();
  let open = first;
  return {
    open(limits) {
      open = first.reopen(limits);
      return { logs: open, artifacts: open };
    },
    crash: async () => open.crash(),
    dispose: async () => {},
  };
});
