export * from "./job.ts";
export * from "./event.ts";
export * from "./errors.ts";
export * from "./document.ts";
export * from "./command.ts";
export * from "./rules.ts";
