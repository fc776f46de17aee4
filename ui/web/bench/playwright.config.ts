// The benchmark of the trace page: npm run bench. See README.md beside this file.

import { defineConfig } from '@playwright/test';

import base from '../playwright.config';

const { globalSetup: _setup, ...rest } = base;

export default defineConfig({
  ...rest,
  testDir: '.',
  testMatch: 'trace.bench.ts',
  outputDir: '../test-results/bench',
  timeout: 600_000,
  retries: 0,
  reporter: [['line']],
  use: { ...rest.use, trace: 'off' },
});
