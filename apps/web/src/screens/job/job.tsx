import { ScreenHead } from "../../ui/panel.tsx";

export function JobScreen() {
  return <ScreenHead title="Job" />;
}
