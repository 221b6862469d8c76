import { useApi } from "../../api/use-api.ts";
import { Fact, Facts } from "../../ui/facts.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";

export function AboutScreen() {
  const health = useApi("health", {});
  return (
    <>
      <ScreenHead title="About" about="What this server is, and where its documents are." />
      <Panel title="Server">
        {health.error !== null && <Trouble error={health.error} onRetry={() => void health.refetch()} />}
        {health.isPending && <Loading />}
        {health.data !== undefined && (
          <Facts className="p-4">
            <Fact name="Version">{health.data.version}</Fact>
            <Fact name="Store">{health.data.store}</Fact>
            <Fact name="This dispatcher">{health.data.role}</Fact>
          </Facts>
        )}
      </Panel>
    </>
  );
}
