import { ScreenHead } from "../../ui/panel.tsx";

export function HomeScreen() {
  return <ScreenHead title="Home" />;
}
