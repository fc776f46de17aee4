import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vitest/config';

/** The server writes a `<base>` that fits the depth of the page's path; the dev server always serves at the root. */
function rootBase(): Plugin {
  return {
    name: 'clew-root-base',
    apply: 'serve',
    transformIndexHtml: (html) => html.replace('<base href="./" />', '<base href="/" />'),
  };
}

const backend = process.env['CLEW_URL'] ?? 'http://127.0.0.1:16686';

export default defineConfig({
  base: './',
  plugins: [react(), rootBase()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2023',
    // Fonts, icons and images stay files: the content security policy knows no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { port: 5173, proxy: { '/api': backend } },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    environment: 'node',
    // A loaded machine is slow, not wrong.
    testTimeout: 60_000,
  },
});
