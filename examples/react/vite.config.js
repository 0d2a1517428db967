import { defineConfig } from 'vite';

export default defineConfig({
  // While developing, Vite would else move the library away from its worker.
  optimizeDeps: { exclude: ['@quietroom/client'] },
});
