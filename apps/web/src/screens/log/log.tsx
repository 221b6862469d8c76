import { ScreenHead } from "../../ui/panel.tsx";

export function LogScreen() {
  return <ScreenHead title="Log" />;
}
