// Writes docs/reference.md and docs/errors.md from the sources.
import { join } from 'node:path';
import { runnerImport } from 'vite';

const { module } = await runnerImport(join(import.meta.dirname, 'docs.ts'));
await module.writeDocs();
