// Unit tests run in plain Node; a file that needs a DOM says so with `// @vitest-environment happy-dom`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    maxWorkers: 2,
    restoreMocks: true,
  },
});
