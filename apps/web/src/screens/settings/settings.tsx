import { ScreenHead } from "../../ui/panel.tsx";

export function SettingsScreen() {
  return <ScreenHead title="Settings" />;
}
