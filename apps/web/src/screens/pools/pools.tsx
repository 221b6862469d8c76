import { ScreenHead } from "../../ui/panel.tsx";

export function PoolsScreen() {
  return <ScreenHead title="Pools" />;
}
