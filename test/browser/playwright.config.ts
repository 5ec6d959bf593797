import { defineConfig } from '@playwright/test';

/**
 * Where the page comes from:
 * - TIDEMARK_BIN: the tests start `<bin> demo` themselves, and kill and restart it;
 * - BASE_URL: a server that already runs (the restart test is skipped);
 * - neither: the simulated feed of ui/dev/server.mjs, which needs only `make ui`.
 */
export default defineConfig({
  testDir: 'specs',
  outputDir: 'results',
  reporter: 'list',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  use: {
    locale: 'en-US',
    timezoneId: 'Asia/Shanghai',
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
