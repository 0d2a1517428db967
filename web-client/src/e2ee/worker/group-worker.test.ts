import { expect, test, vi } from 'vitest';
import type { WorkerReport } from '../messages';
import { GroupWorker } from './group-worker';

test('a text that is too long is refused, and the session goes on', async () => {
  const reports: WorkerReport[] = [];
  const worker = new GroupWorker({ install: () => Promise.resolve() }, (report) => {
    reports.push(report);
  });
  const credential = { participantId: '0000000000000001', room: 'r', role: 'client' } as const;
  worker.handle({ type: 'open-group', credential });
  worker.handle({ type: 'group-message', message: { type: 'mls-create' } });

  worker.handle({ type: 'tell', message: { type: 'chat', text: '\u0001'.repeat(4000) } });
  worker.handle({ type: 'tell', message: { type: 'chat', text: 'short' } });

  const types = (): string[] => reports.map(({ type }) => type);
  await vi.waitFor(
    () => {
      expect(types().filter((type) => type === 'group-send').length).toBeGreaterThan(1);
    },
    { timeout: 10_000 },
  );
  expect(types()).toContain('group-refused');
  expect(types()).not.toContain('group-failed');
});
