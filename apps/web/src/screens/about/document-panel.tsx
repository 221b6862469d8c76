import { Panel } from "../../ui/panel.tsx";

/** What the server itself can be asked for, each by its address. */
const DOCUMENTS: readonly (readonly [path: string, about: string])[] = [
  ["/docs", "The API for people: every endpoint and every error"],
  ["/openapi.json", "The API for programs, as OpenAPI 3.1"],
  ["/health", "How the server is, for monitors; it needs no token"],
  ["/metrics", "Figures for Prometheus"],
];

/** Where Hive is described, and whose it is. */
export function DocumentPanel() {
  return (
    <Panel title="Documents">
      <ul className="space-y-2.5 p-4 text-sm">
        {DOCUMENTS.map(([path, about]) => (
          <li key={path}>
            <a href={path}>
              <code>{path}</code>
            </a>
            <span className="block text-soft">{about}</span>
          </li>
        ))}
      </ul>
      <p className="border-t border-line px-4 py-3 text-sm text-soft">
        Hive is free software under the MIT licence. Copyright © 2026 Jobrayan, Inc.
      </p>
    </Panel>
  );
}
