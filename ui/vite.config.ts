import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { embedReady } from './build/embed-ready.ts';
import { sizeBudget } from './build/size-budget.ts';

/** The folder that the Go package serve/web embeds. */
const OUT_DIR = '../serve/web/dist';

export default defineConfig({
  plugins: [react(), sizeBudget({ initialScriptKiB: 320, initialStyleKiB: 40 }), embedReady(OUT_DIR)],
  build: {
    outDir: OUT_DIR,
    emptyOutDir: true,
    target: 'es2022',
    // Fonts stay files: inlined ones would grow the style sheet and need data: in the CSP.
    assetsInlineLimit: 0,
    // Vite's preload polyfill is an inline script in old browsers only; the CSP forbids inline scripts.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: 'mantine', test: /node_modules[\\/](@mantine|@floating-ui)/ },
          ],
        },
      },
    },
  },
  server: { port: 5173, proxy: { '/api': process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8080' } },
});
