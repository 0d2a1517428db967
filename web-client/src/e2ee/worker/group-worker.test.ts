import { expect, test, vi } from 'vitest';
import type { WorkerReport } from '../messages';
import { GroupWorker } from './group-worker';
import { encodeApplicationMessage } from './mls/application';
import { fromBase64url, toBase64url } from './mls/base64url';
import { anybody, commit, encrypted, found } from './mls/careless';
import type { Credential } from './mls/credential';
import { CONTEXTS } from './sframe/key-id';
import { KeyRing } from './sframe/key-ring';

test('whoever is put out of the group sends nothing more, and says so', async () => {
  const keyRing = new KeyRing();
  const reports: WorkerReport[] = [];
  const worker = new GroupWorker(keyRing, (report) => reports.push(report));
  worker.handle({ type: 'open-group', credential: credential(1), name: '' });
  const { keyPackage } = await reported(reports, 'key-package');
  const group = await found(await anybody(credential(2)), [fromBase64url(keyPackage)]);
  const welcome = toBase64url(group.welcome);
  worker.handle({ type: 'group-message', message: { type: 'mls-welcome', welcome } });
  await reported(reports, 'epoch');
  await vi.waitFor(async () => {
    expect(await seal(keyRing)).toBeDefined();
  }, PATIENCE);

  const { commit: removal } = await commit(group.state, [
    { proposalType: 'remove', remove: { removed: 1 } },
  ]);
  const message = { type: 'mls-commit', epoch: 1, commit: toBase64url(removal) } as const;
  worker.handle({ type: 'group-message', message });
  await reported(reports, 'group-lost');

  expect(await seal(keyRing)).toBeUndefined();
  expect(reports.map(({ type }) => type)).not.toContain('group-failed');
});

test('a text that is too long is refused, and the session goes on', async () => {
  const reports: WorkerReport[] = [];
  const worker = new GroupWorker(new KeyRing(), (report) => {
    reports.push(report);
  });
  const credential = { participantId: '0000000000000001', room: 'r', role: 'client' } as const;
  worker.handle({ type: 'open-group', credential, name: '' });
  worker.handle({ type: 'group-message', message: { type: 'mls-create' } });

  worker.handle({ type: 'tell', message: { type: 'chat', text: '\u0001'.repeat(4000) } });
  worker.handle({ type: 'tell', message: { type: 'chat', text: 'short' } });

  const types = (): string[] => reports.map(({ type }) => type);
  await vi.waitFor(() => {
    expect(types().filter((type) => type === 'group-send').length).toBeGreaterThan(1);
  }, PATIENCE);
  expect(types()).toContain('group-refused');
  expect(types()).not.toContain('group-failed');
});

test('a host who is asked says its name and its sealing key again', async () => {
  const reports: WorkerReport[] = [];
  const worker = new GroupWorker(new KeyRing(), (report) => reports.push(report));
  worker.handle({
    type: 'open-group',
    credential: { ...credential(1), role: 'host' },
    name: 'Ann',
  });
  const { keyPackage } = await reported(reports, 'key-package');
  worker.handle({ type: 'tell', message: { type: 'profile', name: 'Ann', handRaised: false } });
  const { state, welcome } = await found(await anybody(credential(2)), [fromBase64url(keyPackage)]);
  const group = { type: 'mls-welcome', welcome: toBase64url(welcome) } as const;
  worker.handle({ type: 'group-message', message: group });
  const said = (): number => reports.filter(isSaid).length;
  await vi.waitFor(() => {
    expect(said()).toBe(2);
  }, PATIENCE);

  // Who it is, so that it is not asked in turn.
  const profile = { type: 'profile', name: 'Ben', handRaised: false } as const;
  const introduction = await encrypted(state, encodeApplicationMessage(profile));
  const question = await encrypted(
    introduction.state,
    encodeApplicationMessage({ type: 'say-again' }),
  );
  for (const { message } of [introduction, question]) {
    const text = toBase64url(message);
    worker.handle({ type: 'group-message', message: { type: 'mls-message', message: text } });
  }

  await vi.waitFor(() => {
    expect(said()).toBe(4);
  }, PATIENCE);
});

function isSaid(report: WorkerReport): boolean {
  return report.type === 'group-send' && report.message.type === 'mls-message';
}

function credential(name: number): Credential {
  return { participantId: name.toString(16).padStart(16, '0'), room: 'room', role: 'client' };
}

function seal(keyRing: KeyRing): Promise<unknown> {
  return keyRing.seal(CONTEXTS.microphone, new Uint8Array(), Uint8Array.of(1));
}

function reported<Type extends WorkerReport['type']>(
  reports: readonly WorkerReport[],
  type: Type,
): Promise<Extract<WorkerReport, { type: Type }>> {
  return vi.waitFor(() => {
    const report = reports.find((one) => one.type === type);
    if (report === undefined) throw new Error(`no ${type} yet`);
    return report as Extract<WorkerReport, { type: Type }>;
  }, PATIENCE);
}

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };
