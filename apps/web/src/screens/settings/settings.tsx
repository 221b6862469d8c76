import { ScreenHead } from "../../ui/panel.tsx";
import { ChannelsPanel } from "./channels-panel.tsx";
import { ColorPanel } from "./color-panel.tsx";
import { KeptPanel } from "./kept-panel.tsx";
import { NotificationPanel } from "./notification-panel.tsx";
import { SessionPanel } from "./session-panel.tsx";

/** What is decided for this browser alone, and whom the server tells. What else the server does stands in its hive.yaml. */
export function SettingsScreen() {
  return (
    <>
      <ScreenHead title="Settings" about="Of this browser, and whom the server tells." />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <ColorPanel />
        <SessionPanel />
        <NotificationPanel />
        <KeptPanel />
      </div>
      <div className="mt-4">
        <ChannelsPanel />
      </div>
    </>
  );
}
