import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startLastLook } from "./attention/last-look.ts";
import { createQueries } from "./api/use-api.ts";
import { router } from "./router.tsx";
import { startKeys } from "./shell/keys.ts";
import { Session } from "./shell/session.tsx";
import { startTheme } from "./shell/theme.ts";
import { Toasts } from "./ui/toast.tsx";
import "./styles.css";

startTheme();
startKeys();
startLastLook();

const place = document.querySelector("#hive");
if (place === null) throw new Error("the page has no place for Hive");
createRoot(place).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={createQueries()}>
        <Session>
          <RouterProvider router={router} />
        </Session>
        <Toasts />
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
);
