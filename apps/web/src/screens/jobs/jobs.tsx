import { ScreenHead } from "../../ui/panel.tsx";

export function JobsScreen() {
  return <ScreenHead title="Jobs" />;
}
