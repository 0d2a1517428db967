// Builds the npm package into `package/`, ready for `npm pack`.
import { join } from 'node:path';
import { runnerImport } from 'vite';

const { module } = await runnerImport(join(import.meta.dirname, 'package.ts'));
await module.buildPackage(join(import.meta.dirname, '../package'));
