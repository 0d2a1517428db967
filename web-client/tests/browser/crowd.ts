import type { QuietRoomElement } from '../../src/element/index';
import type { RemoteParticipant } from '../../src/index';
import type { Evaluating } from './appearance';

/** As if `count` others were here: those who are come first, and the rest have no cameras or `seen` theirs. */
export function crowd(
  page: Evaluating,
  count: number,
  seen: 'unseen' | 'seen' = 'unseen',
): Promise<void> {
  return page.evaluate(
    ([wanted, hasPictures]) => {
      const element: QuietRoomElement = document.querySelector('quiet-room')!;
      const room = element.room!;
      type Crowded = typeof room & { others?: readonly RemoteParticipant[] };
      const crowded = room as Crowded;
      crowded.others ??= room.participants;
      const { others } = crowded;
      const people = Array.from({ length: wanted }, (_, index) => {
        const real = others[index % others.length]!;
        if (index < others.length) return real;
        return new Proxy(real, {
          get: (target, key) => {
            if (key === 'id') return `person ${index}`;
            if (key === 'name') return `Person number ${index}`;
            if (key === 'isSpeaking') return index === others.length + 2;
            if (key === 'member' || (key === 'videoTrack' && !hasPictures)) return undefined;
            return Reflect.get(target, key, target) as unknown;
          },
        });
      });
      Object.defineProperty(room, 'participants', { configurable: true, get: () => people });
      element.requestUpdate();
    },
    [count, seen === 'seen'] as const,
  );
}
