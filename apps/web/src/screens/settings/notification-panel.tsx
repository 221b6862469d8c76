import { turnNotificationsOff, turnNotificationsOn, useNotifyState } from "../../attention/notify-choice.ts";
import { Button } from "../../ui/button.tsx";
import { Panel } from "../../ui/panel.tsx";

const WORDS = {
  impossible:
    "This browser shows none for a page that came over plain HTTP from another machine: use TLS, or localhost.",
  refused: "This browser was told to show none of this page. Its own settings of the page can change that.",
  off: "They are off.",
  on: "They are on, in this browser.",
} as const;

/** Whether this browser tells when a decision waits or a job failed. */
export function NotificationPanel() {
  const state = useNotifyState();
  return (
    <Panel title="Notifications of this browser">
      <div className="space-y-3 p-4 text-sm">
        <p className="max-w-prose text-soft">
          When a job waits for your decision, or failed, while a tab of Hive is open and nobody looks at it. At most one
          a minute. The page makes them itself: no push service hears of anything.
        </p>
        <p role="status">{WORDS[state]}</p>
        {state === "off" && <Button onClick={() => void turnNotificationsOn()}>Turn notifications on</Button>}
        {state === "on" && <Button onClick={turnNotificationsOff}>Turn notifications off</Button>}
      </div>
    </Panel>
  );
}
