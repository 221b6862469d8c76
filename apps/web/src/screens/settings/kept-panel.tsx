import { Trash2 } from "lucide-react";
import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { bytes } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { tell } from "../../ui/toast.tsx";
import { forget, putBack, useKeptEntries } from "./kept-entries.ts";

/** What each is, for a person. What is not here is shown by its key. */
const WORDS: Readonly<Record<string, string>> = {
  "hive.theme": "Your colours",
  "hive.looked": "When you last looked, for “Since you left”",
  "hive.range": "The range of the charts",
  "hive.job-views": "Your views of the list of jobs",
  "hive.job-templates": "Your templates for new jobs",
  "hive.notify": "That this browser shows notifications",
  "hive.notified": "When it showed the last one",
};

/** All that this browser keeps of Hive beside the session, and how to be rid of it. */
export function KeptPanel() {
  const entries = useKeptEntries();
  const [asks, setAsks] = useState(false);

  function forgetOne(key: string, text: string): void {
    forget([key]);
    tell(`Forgotten: ${WORDS[key] ?? key}`, { label: "Undo", onClick: () => putBack(key, text) });
  }

  return (
    <Panel title="What this browser keeps">
      <div className="space-y-3 p-4 text-sm">
        <p className="max-w-prose text-soft">
          Nothing of it is sent anywhere. The token is not among it: the session is a cookie that no script can read.
        </p>
        {entries.length === 0 ? (
          <p>Nothing but the session.</p>
        ) : (
          <ul className="divide-y divide-line border-y border-line">
            {entries.map(([key, text]) => (
              <li key={key} className="flex items-center justify-between gap-3 py-1.5">
                <span className="min-w-0">
                  <span className="outside-text">{WORDS[key] ?? key}</span>
                  <span className="tabular block text-xs text-soft">
                    <code className="outside-text">{key}</code>, {bytes(key.length + text.length)}
                  </span>
                </span>
                <Button
                  look="quiet"
                  aria-label={`Forget: ${WORDS[key] ?? key}`}
                  title="Forget it"
                  onClick={() => forgetOne(key, text)}
                  icon={<Trash2 aria-hidden size={15} />}
                />
              </li>
            ))}
          </ul>
        )}
        {entries.length > 1 && (
          <Button look="danger" onClick={() => setAsks(true)}>
            Forget all of it
          </Button>
        )}
      </div>
      <Confirm
        open={asks}
        onClose={() => setAsks(false)}
        title="Forget all that this browser keeps?"
        about="Your views and choices in this browser are gone then. Jobs, and everything else on the server, stay."
        verb="Forget it"
        onConfirm={() => {
          forget(entries.map(([key]) => key));
          setAsks(false);
        }}
      />
    </Panel>
  );
}
