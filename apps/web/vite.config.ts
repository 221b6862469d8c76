import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { endpointTable } from "./endpoint-table.ts";
import { newJobSchemaModule } from "./new-job-schema.ts";

/** Where `npm run dev` finds a running server. */
const server = process.env["HIVE_URL"] ?? "http://localhost:8099";
const ours = ["/v1", "/enqueue", "/health", "/metrics", "/docs", "/openapi.json", "/hooks"];

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), tailwindcss(), endpointTable(), newJobSchemaModule()],
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    // A data: address would need a place in the policy.
    assetsInlineLimit: 0,
    // Would be an inline script.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: Object.fromEntries(ours.map((path) => [path, { target: server, changeOrigin: true }])) },
});
