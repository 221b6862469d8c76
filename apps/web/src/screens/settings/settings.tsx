import { ScreenHead } from "../../ui/panel.tsx";
import { ChannelsPanel } from "./channels-panel.tsx";

export function SettingsScreen() {
  return (
    <>
      <ScreenHead title="Settings" />
      <div className="space-y-4">
        <ChannelsPanel />
      </div>
    </>
  );
}
