import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [
    // Compiled with the page: a strict content security policy allows no evaluation.
    vue({
      template: { compilerOptions: { isCustomElement: (name) => name === 'quiet-room' } },
    }),
  ],
  // While developing, Vite would else move the library away from its worker.
  optimizeDeps: { exclude: ['@quietroom/client'] },
});
