import { ScreenHead } from "../../ui/panel.tsx";

export function SchedulesScreen() {
  return <ScreenHead title="Schedules" />;
}
