import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Command } from "../../ui/command.tsx";

/** The three ways to more workers, each with a line to paste. */
export function HowToStart() {
  const url = globalThis.location.origin;
  return (
    <div className="space-y-4 px-4 py-3 text-left text-sm">
      <Way title="The server starts them on its machine">
        <p className="text-soft">
          In containers where there is a Docker Engine, else as processes. Kinds of workers, and how many of each, are{" "}
          <Link to="/pools" className="underline">
            pools
          </Link>{" "}
          in hive.yaml.
        </p>
        <Command text="HIVE_WORKERS=4 npm start" />
      </Way>
      <Way title="Containers, with Compose">
        <p className="text-soft">Two workers come by themselves, up to ten with a profile.</p>
        <Command text="COMPOSE_PROFILES=workers-4 docker compose up -d --build" />
      </Way>
      <Way title="Another machine">
        <p className="text-soft">
          With a clone of Hive at the same version after <code>npm ci</code>. The CALLBACK_SECRET is in the server's
          secrets.env. It opens all connections itself, so it works behind NAT.
        </p>
        <Command
          text={[
            `CALLBACK_SECRET=… HIVE_URL=${url} HIVE_WORKER_NAME=gpu-box-1 HIVE_LABELS=gpu \\`,
            "  HIVE_WORKER_DATA=/var/lib/hive-worker node_modules/.bin/node apps/worker/src/main.ts",
          ].join("\n")}
        />
      </Way>
    </div>
  );
}

function Way({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section>
      <h3 className="font-medium">{title}</h3>
      {children}
    </section>
  );
}
