import type { JobDetail } from "@hive/protocol";
import { Fact, Facts } from "../../../ui/facts.tsx";
import { Panel } from "../../../ui/panel.tsx";
import { Hash } from "./outcome.tsx";

/** Where the result was made. */
export function Environment({ job: { result } }: { readonly job: JobDetail }) {
  const environment = result?.environment ?? null;
  if (environment === null) return null;
  const { isolation, provider, image, build, tools, config } = environment;
  return (
    <Panel title="Environment">
      <Facts className="p-4 lg:grid-cols-2!">
        <Fact name="Isolation">{isolation}</Fact>
        <Fact name="Provider">{provider}</Fact>
        {image !== null && (
          <Fact name="Image">{[image.name, image.digest].filter((part) => part !== null).join("@")}</Fact>
        )}
        {build !== null && <Fact name="Hive">{build}</Fact>}
        {Object.entries(tools).map(([name, version]) => (
          <Fact key={name} name={name}>
            {version}
          </Fact>
        ))}
        {config !== null && (
          <Fact name="Settings">
            {config.path} at <Hash value={config.commit} label="Copy the commit of the settings" />
          </Fact>
        )}
      </Facts>
    </Panel>
  );
}
