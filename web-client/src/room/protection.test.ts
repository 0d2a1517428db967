import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { GroupEpoch, GroupMember, WorkerReport } from '../e2ee/messages';
import { GroupChannel } from '../e2ee/group-channel';
import { FakeWorker } from '../e2ee/fake-worker';
import { Transforms } from '../e2ee/transforms';
import type { Role } from '../signaling/protocol/Role';
import { Membership } from './membership';
import { Roster } from './roster';

const OWN = 'me';

let worker: FakeWorker;
let roster: Roster;
let membership: Membership;
let errors: string[];

beforeEach(() => {
  vi.useFakeTimers();
  worker = new FakeWorker();
  roster = new Roster();
  const transforms = new Transforms(worker, 'encoded-streams');
  const own = { participantId: OWN, name: '' };
  membership = new Membership(new GroupChannel(worker), transforms, roster, own);
  errors = [];
  membership.on('error', ({ code }) => errors.push(code));
  const track = {} as MediaStreamTrack;
  const slot = { audio: track, video: track };
  roster.handleSlotTracks({ people: [slot, slot], screens: [slot] });
  for (const id of ['ann', 'ben']) comesIn(id);
  roster.handleAssignments(
    [
      { slot: 0, participantId: 'ann' },
      { slot: 1, participantId: 'ben' },
    ],
    'person',
  );
  vi.advanceTimersByTime(2000);
});

afterEach(() => {
  membership.close();
  vi.useRealTimers();
});

function comesIn(id: string): void {
  roster.handleParticipant({
    id,
    role: 'client',
    microphone: true,
    camera: true,
    reconnecting: false,
  });
}

function member(participantId: string, change: Partial<GroupMember> = {}): GroupMember {
  return {
    participantId,
    leaf: participantId.charCodeAt(0) % 32,
    key: `key of ${participantId}`,
    room: 'room',
    role: 'client',
    ...change,
  };
}

function begin(...members: GroupMember[]): void {
  const epoch: GroupEpoch = { epoch: 1n, safetyCode: '0'.repeat(30), members };
  worker.report({ type: 'epoch', ...epoch });
}

function everybody(): GroupMember[] {
  return [OWN, 'ann', 'ben'].map((id) => member(id));
}

/** Reports as the worker does while something lasts. */
function reportFor(milliseconds: number, report: WorkerReport): void {
  for (let passed = 0; passed <= milliseconds; passed += 1000) {
    worker.report(report);
    vi.advanceTimersByTime(1000);
  }
}

function kinds(): string[] {
  return membership.warnings.map((warning) =>
    'participant' in warning ? `${warning.kind} ${warning.participant.id}` : warning.kind,
  );
}

function foreign(slot: number): WorkerReport {
  return { type: 'undecryptable', slot, kind: 'video', reason: 'foreign' };
}

test('when all is as it should be nothing is said', () => {
  begin(...everybody());
  vi.advanceTimersByTime(10_000);

  expect(kinds()).toEqual([]);
  expect(errors).toEqual([]);
});

test('foreign frames hide the tile at once, are told of when they go on, and no more when they end', () => {
  begin(...everybody());
  worker.report(foreign(0));
  expect(roster.find('ann')?.isBlanked).toBe(true);
  expect(kinds()).toEqual([]);

  reportFor(2000, foreign(0));
  expect(kinds()).toEqual(['sender-mismatch ann']);
  expect(errors).toEqual(['sender-mismatch']);

  vi.advanceTimersByTime(2000);
  expect(roster.find('ann')?.isBlanked).toBe(false);
  expect(kinds()).toEqual([]);
});

test.each<[Role, Role]>([
  ['host', 'client'],
  ['client', 'observer'],
])('who says to be %s where the server says %s has the server’s, and that is told', (own, said) => {
  begin(member(OWN), member('ann', { role: own }), member('ben'));
  const participant = roster.find('ann');
  roster.handleParticipant({
    id: 'ann',
    role: said,
    microphone: true,
    camera: true,
    reconnecting: false,
  });

  expect(participant).toMatchObject({ role: said, isRoleConfirmed: false });
  expect(kinds()).toEqual(['role-mismatch ann']);
  expect(errors).toEqual(['role-mismatch']);

  begin(member(OWN), member('ann', { role: said }), member('ben'));
  expect(participant).toMatchObject({ role: said, isRoleConfirmed: true });
  expect(kinds()).toEqual([]);
});

test('another key under one id is told of for the rest of the stay, and takes no name over', () => {
  begin(...everybody());
  worker.report({
    type: 'told',
    participantId: 'ben',
    key: 'key of ben',
    message: { type: 'profile', name: 'Dr. B', handRaised: false },
  });
  expect(roster.find('ben')?.name).toBe('Dr. B');

  begin(member(OWN), member('ann'), member('ben', { key: 'a guest’s' }));
  expect(kinds()).toEqual(['key-changed ben']);
  expect(errors).toEqual(['key-changed']);
  expect(roster.find('ben')?.name).toBe('');

  begin(...everybody());
  expect(kinds()).toEqual(['key-changed ben']);
});

test('a member whom the server does not show is told of, unless that passes', () => {
  begin(...everybody(), member('cid'));
  vi.advanceTimersByTime(2000);
  expect(kinds()).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(kinds()).toEqual(['hidden-member']);

  comesIn('cid');
  expect(kinds()).toEqual([]);

  begin(...everybody(), member('cid'), member('dan'));
  vi.advanceTimersByTime(2000);
  begin(...everybody(), member('cid'));
  vi.advanceTimersByTime(5000);
  expect(kinds()).toEqual([]);
});

test('who left by the server’s word and stays in the group is told of', () => {
  begin(...everybody());
  roster.handleParticipantLeft('ann');
  vi.advanceTimersByTime(3000);

  expect(kinds()).toEqual(['hidden-member']);
});

test.each(['forged', 'no-key', 'malformed'] as const)(
  'frames that stay %s are told of by their participant, and no more when they end',
  (reason) => {
    begin(...everybody());
    reportFor(1000, { type: 'undecryptable', slot: 1, kind: 'audio', reason });
    expect(kinds()).toEqual([]);
    reportFor(2000, { type: 'undecryptable', slot: 1, kind: 'audio', reason });
    expect(kinds()).toEqual(['undecryptable ben']);

    vi.advanceTimersByTime(2000);
    expect(kinds()).toEqual([]);
  },
);

test('own media that stays unsent is told of, once there is a group', () => {
  const unsent = { type: 'unsent', id: 1, reason: 'no-key' } as const;
  reportFor(5000, unsent);
  vi.advanceTimersByTime(3000);
  expect(kinds()).toEqual([]);

  begin(...everybody());
  reportFor(4000, unsent);
  expect(kinds()).toEqual(['unsent']);
});

test('out of the group nothing is amiss but that', () => {
  begin(...everybody(), member('cid'));
  vi.advanceTimersByTime(3000);
  expect(kinds()).toEqual(['hidden-member']);

  worker.report({ type: 'group-lost' });
  reportFor(5000, { type: 'unsent', id: 1, reason: 'no-key' });
  reportFor(5000, { type: 'undecryptable', slot: 1, kind: 'audio', reason: 'no-key' });

  expect(kinds()).toEqual([]);
});

test('what was known of those who are long gone is not kept for ever', () => {
  begin(...everybody());
  for (let at = 0; at < 700; at++) begin(...everybody(), member(`guest ${at}`));
  begin(...everybody(), member('guest 0', { key: 'another' }));
  comesIn('guest 0');
  expect(kinds()).toEqual([]);

  begin(...everybody().map((one) => ({ ...one, key: `${one.key}!` })));
  expect(kinds()).toContain('key-changed ann');
});
