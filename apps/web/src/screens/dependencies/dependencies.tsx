import { ScreenHead } from "../../ui/panel.tsx";

export function DependenciesScreen() {
  return <ScreenHead title="Dependencies" />;
}
