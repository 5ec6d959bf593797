import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import type { Plugin } from 'vite';

/** Below this size a gzip header costs more than it saves, and the file stays as it is. */
const COMPRESS_FROM_BYTES = 1024;

const COMPRESSIBLE = /\.(js|css|html|svg|json|txt)$/;

/**
 * Makes the output folder ready to be embedded in the Go binary: each large text file is replaced by its
 * gzip twin (`app.js` becomes `app.js.gz`), so that the binary carries every byte once and the server never
 * compresses; and the placeholder that keeps the folder in a clean clone is put back.
 */
export function embedReady(outDir: string): Plugin {
  let failed = false;
  return {
    name: 'tidemark-embed-ready',
    apply: 'build',
    buildEnd(error) {
      failed = error !== undefined;
    },
    closeBundle() {
      fs.mkdirSync(outDir, { recursive: true });
      fs.writeFileSync(path.join(outDir, '.keep'), '');
      if (failed) return;
      for (const entry of fs.readdirSync(outDir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !COMPRESSIBLE.test(entry.name)) continue;
        const file = path.join(entry.parentPath, entry.name);
        const bytes = fs.readFileSync(file);
        if (bytes.length < COMPRESS_FROM_BYTES) continue;
        fs.writeFileSync(`${file}.gz`, zlib.gzipSync(bytes, { level: 9 }));
        fs.rmSync(file);
      }
    },
  };
}
