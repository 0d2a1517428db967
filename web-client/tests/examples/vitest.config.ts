import { defineConfig } from 'vitest/config';
import { wholeBrowsers } from '../whole-browsers.ts';

export default defineConfig({ test: wholeBrowsers(import.meta.dirname) });
