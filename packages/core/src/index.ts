export * from "./job.ts";
export * from "./event.ts";
export * from "./errors.ts";
export * from "./document.ts";
export * from "./command.ts";
export * from "./rules.ts";
export * from "./ref-name.ts";
export * from "./repo-address.ts";
