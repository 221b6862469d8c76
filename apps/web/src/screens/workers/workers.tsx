import { ScreenHead } from "../../ui/panel.tsx";

export function WorkersScreen() {
  return <ScreenHead title="Workers" />;
}
