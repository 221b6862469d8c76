import { ScreenHead } from "../../ui/panel.tsx";

export function NewJobScreen() {
  return <ScreenHead title="NewJob" />;
}
