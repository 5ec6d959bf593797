import zlib from 'node:zlib';
import type { Plugin, Rolldown } from 'vite';

/** Largest gzip size of what the first page needs before it can draw, in KiB. */
export interface Budget {
  initialScriptKiB: number;
  initialStyleKiB: number;
}

function gzipKiB(content: string | Uint8Array): number {
  return zlib.gzipSync(content, { level: 9 }).length / 1024;
}

/**
 * Fails the build when the entry chunks, with everything they import statically, outgrow the budget.
 * Chunks that are only imported dynamically (other routes) do not count.
 */
export function sizeBudget(budget: Budget): Plugin {
  return {
    name: 'tidemark-size-budget',
    apply: 'build',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter(
        (file): file is Rolldown.OutputChunk => file.type === 'chunk',
      );
      const byName = new Map(chunks.map(chunk => [chunk.fileName, chunk]));
      const initial = new Set<string>();
      const visit = (fileName: string) => {
        const chunk = byName.get(fileName);
        if (!chunk || initial.has(fileName)) return;
        initial.add(fileName);
        chunk.imports.forEach(visit);
      };
      for (const chunk of chunks) if (chunk.isEntry) visit(chunk.fileName);

      let scripts = 0;
      let styles = 0;
      for (const file of Object.values(bundle)) {
        if (file.type === 'chunk' && initial.has(file.fileName)) scripts += gzipKiB(file.code);
        if (file.type === 'asset' && file.fileName.endsWith('.css')) styles += gzipKiB(file.source);
      }
      this.info(
        `first load: scripts ${scripts.toFixed(1)} of ${budget.initialScriptKiB} KiB, ` +
          `styles ${styles.toFixed(1)} of ${budget.initialStyleKiB} KiB (gzip)`,
      );
      if (scripts > budget.initialScriptKiB || styles > budget.initialStyleKiB) {
        this.error('the first load is over its size budget; see vite.config.ts');
      }
    },
  };
}
