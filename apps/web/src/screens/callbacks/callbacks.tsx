import { ScreenHead } from "../../ui/panel.tsx";

export function CallbacksScreen() {
  return <ScreenHead title="Callbacks" />;
}
