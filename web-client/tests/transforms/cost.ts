import type { CostReport, CostRequest } from './cost-messages';

declare global {
  interface Window {
    /** Resolves when all is prepared. */
    prepareCost(request: CostRequest): Promise<CostReport>;
    /** Resolves when all was decrypted. */
    finishCost(): Promise<CostReport>;
  }
}

const worker = new Worker(new URL('./keyed-worker/cost.ts', import.meta.url), { type: 'module' });

window.prepareCost = (request) => {
  worker.postMessage(request);
  return reportOf('prepared');
};

window.finishCost = () => reportOf('done');

function reportOf(type: CostReport['type']): Promise<CostReport> {
  return new Promise((resolve, reject) => {
    worker.addEventListener('error', (event) => {
      reject(new Error(event.message));
    });
    worker.addEventListener('message', ({ data }: MessageEvent<CostReport>) => {
      if (data.type === type) resolve(data);
    });
  });
}
