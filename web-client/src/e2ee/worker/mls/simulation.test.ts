import { expect, test } from 'vitest';
import { seededRandom } from '../seeded-random';
import { loadTsMls } from './ts-mls-group';
import { VirtualRoom } from './virtual-room';

const SLOW = { latency: 200, jitter: 100, loss: 0.02, resend: 600 };

test.each([1, 2, 3])(
  '25 come together, 10 leave at random and the server restarts: one epoch, one key (seed %i)',
  async (seed) => {
    const random = seededRandom(seed);
    const room = new VirtualRoom(await loadTsMls(), SLOW, random);
    for (let name = 1; name <= 25; name++) await room.join(name);
    const leavers = [...room.members.values()].sort(() => random() - 0.5).slice(0, 10);
    for (const leaver of leavers) {
      room.at(4000 + random() * 16_000, () => {
        room.leave(leaver);
        return Promise.resolve();
      });
    }
    room.at(5000 + random() * 10_000, () => {
      room.restart(2000);
      return Promise.resolve();
    });

    await room.run(90_000);

    const members = [...room.members.values()];
    const epochs = new Set(members.map(({ group }) => group?.epoch));
    const keys = new Set(members.map(({ group, keys }) => keys.get(group?.epoch ?? -1n)));
    console.log(seed, [...epochs], room.refusals);
    expect(members).toHaveLength(15);
    expect(epochs.size).toBe(1);
    expect(keys.size).toBe(1);
    expect(members[0]?.group?.members.map(({ credential }) => credential.participantId)).toEqual(
      expect.arrayContaining(members.map(({ id }) => id)),
    );
    expect(members[0]?.group?.members).toHaveLength(15);
  },
  120_000,
);
