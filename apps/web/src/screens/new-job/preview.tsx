import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/command.tsx";
import { Panel } from "../../ui/panel.tsx";
import type { Body } from "./draft.ts";
import { curlOf, jsonOf } from "./paste.ts";

/** The job as the server will get it, while it is written. */
export function Preview({ job }: { readonly job: Body }) {
  const [as, setAs] = useState<"json" | "curl">("json");
  const text = as === "json" ? jsonOf(job) : curlOf(job, location.origin);
  return (
    <Panel
      title="What is sent"
      className="lg:sticky lg:top-5"
      actions={
        <div className="flex items-center gap-1">
          {(["json", "curl"] as const).map((each) => (
            <Button
              key={each}
              look={as === each ? "plain" : "quiet"}
              aria-pressed={as === each}
              onClick={() => setAs(each)}
            >
              {each === "json" ? "JSON" : "curl"}
            </Button>
          ))}
          <CopyButton text={text} label={as === "json" ? "Copy the JSON" : "Copy the curl"} />
        </div>
      }
    >
      <pre
        tabIndex={0}
        aria-label={as === "json" ? "The job as JSON" : "The job as a line of curl"}
        className="max-h-[60dvh] overflow-auto p-4 font-mono text-[13px] leading-5 outside-text whitespace-pre-wrap"
      >
        {text}
      </pre>
      {"githubToken" in job && (
        <p className="border-t border-line px-4 py-2 text-xs text-soft">The git token is sent and not shown here.</p>
      )}
    </Panel>
  );
}
