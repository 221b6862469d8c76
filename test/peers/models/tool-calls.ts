/** Puts what a script wants done into a call of a tool that the asking program offers, each program's in its own shape. */
import type { Asked, ToolInput } from "./wire.ts";

interface ToolCall {
  readonly name: string;
  readonly input: ToolInput;
}

type Shape = (text: string) => Readonly<Record<string, unknown>>;

// Claude Code, OpenCode, Gemini CLI, Codex (the last three: by model and version).
const SHELLS: Readonly<Record<string, Shape>> = {
  Bash: (command) => ({ command, description: "Runs a command" }),
  bash: (command) => ({ command, description: "Runs a command" }),
  run_shell_command: (command) => ({ command, description: "Runs a command" }),
  exec_command: (cmd) => ({ cmd }),
  shell_command: (command) => ({ command }),
  shell: (command) => ({ command: ["bash", "-c", command] }),
};

const WRITERS: Readonly<Record<string, (path: string, content: string) => ToolInput>> = {
  Write: (file_path, content) => ({ file_path, content }),
  write: (filePath, content) => ({ filePath, content }),
  write_file: (file_path, content) => ({ file_path, content }),
  apply_patch: (path, content) => {
    const added = content
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => `+${line}`);
    return ["*** Begin Patch", `*** Add File: ${path}`, ...added, "*** End Patch", ""].join("\n");
  },
};

/** A shell command. @throws when the program offers no shell this file knows. */
export function shellCall(asked: Asked, command: string): ToolCall {
  for (const { name } of asked.tools) {
    const shape = SHELLS[name];
    if (shape !== undefined) return { name, input: shape(command) };
  }
  throw new Error(`no shell among the tools offered: ${asked.tools.map((tool) => tool.name).join(", ")}`);
}

/** A file in place of the one there is. */
export function writeCall(asked: Asked, path: string, content: string): ToolCall {
  for (const { name, freeform } of asked.tools) {
    const shape = WRITERS[name];
    const input = shape?.(path, content);
    if (input !== undefined && freeform === (typeof input === "string")) return { name, input };
  }
  const ending = `END_OF_${path.replaceAll(/\W/g, "_")}`;
  return shellCall(asked, `cat > '${path}' <<'${ending}'\n${content.replace(/\n$/, "")}\n${ending}`);
}
