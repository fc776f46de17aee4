// Browser tests. They start the stand-in server of `mock/`, or run against a real one:
//   CLEW_URL         where the pages are, such as http://127.0.0.1:16686
//   CLEW_ZIPKIN_URL  where Zipkin spans are taken, such as http://127.0.0.1:9411
//   CLEW_OTLP_URL    where OTLP over HTTP is taken, such as http://127.0.0.1:4318
//   CLEW_CHROMIUM    the browser; /usr/bin/chromium unless set
//   CLEW_TOKEN       bearer token, when the server wants one

import { defineConfig } from '@playwright/test';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  globalSetup: './e2e/setup.ts',
  workers: 1,
  // Generous: a loaded machine is slow, not wrong. No test may assert a speed.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  forbidOnly: process.env['CI'] !== undefined,
  reporter: [['list']],
  use: {
    viewport: { width: 1600, height: 1000 },
    timezoneId: 'Asia/Shanghai',
    locale: 'en-US',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env['CLEW_CHROMIUM'] ?? '/usr/bin/chromium',
      args: flags,
    },
  },
});
