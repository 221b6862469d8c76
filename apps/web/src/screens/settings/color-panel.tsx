import { Monitor, Moon, Sun } from "lucide-react";
import { setTheme, type Theme, useTheme } from "../../shell/theme.ts";
import { Panel } from "../../ui/panel.tsx";

const THEMES: readonly (readonly [theme: Theme, name: string, icon: typeof Sun])[] = [
  ["system", "As the system", Monitor],
  ["light", "Light", Sun],
  ["dark", "Dark", Moon],
];

/** Dark or light, at once and in every tab. */
export function ColorPanel() {
  const theme = useTheme();
  return (
    <Panel title="Colours">
      <fieldset className="grid grid-cols-3 gap-2 p-4">
        <legend className="sr-only">Colours</legend>
        {THEMES.map(([value, name, Icon]) => (
          <label
            key={value}
            className="flex min-h-16 cursor-pointer flex-col items-center justify-center gap-1.5 rounded-md border border-line px-2 py-2 text-center text-sm hover:bg-raised has-checked:border-strong has-checked:bg-raised has-checked:font-medium has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-link"
          >
            <input
              type="radio"
              name="theme"
              value={value}
              checked={theme === value}
              onChange={() => setTheme(value)}
              className="sr-only"
            />
            <Icon aria-hidden size={18} />
            {name}
          </label>
        ))}
      </fieldset>
    </Panel>
  );
}
