import { ScreenHead } from "../../ui/panel.tsx";

export function SourcesScreen() {
  return <ScreenHead title="Sources" />;
}
