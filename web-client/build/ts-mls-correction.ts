import { readFile } from 'node:fs/promises';
import type { Plugin } from 'vite';

/**
 * Corrects one check of ts-mls 1.6.4. RFC 9420 §7.9.2 wants of each unmerged
 * leaf that the nodes *between* it and the parent list it too; the library
 * wants all nodes from the leaf to the root to have equal lists, and so
 * refuses valid trees: in a room where two have left and two others come in,
 * the newcomers could not join. Fails the build when the check is not there as
 * it was, so that it is looked at again with another version.
 */
export function tsMlsCorrection(): Plugin {
  return {
    name: 'quietroom:ts-mls-correction',
    async load(id) {
      const [path = ''] = id.split('?');
      const file = /\/ts-mls\/dist\/src\/(.+\.js)$/.exec(path)?.[1];
      if (file === undefined) return null;
      // Its source maps name files that are not in the package.
      const code = (await readFile(path, 'utf8')).replace(/^\/\/# sourceMappingURL=.*$/m, '');
      if (file !== 'clientState.js') return { code, map: null };
      if (code.split(CHECK).length !== 2) {
        throw new Error(`${path} is not the ts-mls that this build knows how to correct`);
      }
      return { code: code.replace(CHECK, CORRECTED_CHECK), map: null };
    },
  };
}

const CHECK = '!arraysEqual(dpNode.parent.unmergedLeaves, n.parent.unmergedLeaves)';

const CORRECTED_CHECK =
  'dp.indexOf(parentIdx) < dp.indexOf(i) && !dpNode.parent.unmergedLeaves.includes(unmergedLeaf)';
