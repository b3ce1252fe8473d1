import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where the API is while developing: an orchestrator, or the fixture server (`npm run fixture`).
const api = process.env.CODITECT_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  // Nothing is inlined: the content security policy allows what comes from the server itself and nothing else.
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    sourcemap: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  worker: { format: "es" },
  server: { host: "127.0.0.1", port: 5173, proxy: { "/api": { target: api, changeOrigin: true } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
