import { describe, expect, test } from 'vitest';
import { SessionTime } from './session-time';

const PAGE = 'https://clinic.example/session?appointment=7';

describe('the time of a session', () => {
  test('counts from when the person was in, through a stay that is found again', () => {
    const { clock, open } = tab();
    const time = open();
    expect(time.elapsed).toBeUndefined();

    time.handleConnected();
    clock.now += 5000;
    time.handleConnected();
    clock.now += 1000;

    expect(time.elapsed).toBe(6000);
  });

  test('goes on after a reload, with what the reload took', () => {
    const { clock, open } = tab();
    const before = open();
    before.handleConnected();
    clock.now += 600_000;
    before.keep();
    // The room ends with the page.
    before.end();
    clock.now += 20_000;

    const after = open();
    after.handleConnected();

    expect(after.elapsed).toBe(620_000);
  });

  test('goes on in the same page after a connection that was lost for good', () => {
    const { clock, open } = tab();
    const time = open();
    time.handleConnected();
    clock.now += 60_000;
    time.keep();
    expect(time.elapsed).toBeUndefined();
    time.end();

    clock.now += 60_000;
    time.handleConnected();

    expect(time.elapsed).toBe(120_000);
  });

  test.each<[why: string, meanwhile: (time: SessionTime, clock: { now: number }) => void]>([
    [
      'a stay that was ended',
      (time) => {
        time.end();
      },
    ],
    [
      'two minutes',
      (time, clock) => {
        time.keep();
        clock.now += 120_001;
      },
    ],
    [
      'another session in the page',
      (time) => {
        time.keep();
        time.forget();
      },
    ],
    [
      'a clock that was set back',
      (time, clock) => {
        time.keep();
        clock.now -= 1;
      },
    ],
  ])('begins anew after %s', (_why, meanwhile) => {
    const { clock, open } = tab();
    const before = open();
    before.handleConnected();
    clock.now += 60_000;
    meanwhile(before, clock);

    const after = open();
    after.handleConnected();

    expect(after.elapsed).toBe(0);
  });

  test.each(['?appointment=8', '?appointment=7#8'])(
    'is of one address: %s in the same tab begins anew',
    (other) => {
      const { clock, open } = tab();
      const before = open();
      before.handleConnected();
      clock.now += 60_000;
      before.keep();

      const after = open(PAGE.replace('?appointment=7', other));
      after.handleConnected();

      expect(after.elapsed).toBe(0);
    },
  );

  test('is taken once, as a tab can be doubled', () => {
    const { clock, open } = tab();
    const before = open();
    before.handleConnected();
    clock.now += 60_000;
    before.keep();
    open().handleConnected();

    const other = open();
    other.handleConnected();

    expect(other.elapsed).toBe(0);
  });

  test('writes down neither the address nor anything of the session', () => {
    const { clock, stored, open } = tab();
    const time = open();
    time.handleConnected();
    time.keep();

    expect([...stored.values()].map((text) => JSON.parse(text) as unknown)).toEqual([
      {
        page: expect.stringMatching(/^[0-9a-f]{1,8}$/) as string,
        began: clock.now,
        left: clock.now,
      },
    ]);
  });

  test.each([
    '',
    'no JSON',
    'null',
    '7',
    '{PAGE}',
    '{PAGE,"began":"x","left":NOW}',
    '{PAGE,"began":NOW,"left":"y"}',
    '{PAGE,"began":null,"left":NOW}',
    '{PAGE,"began":-1e300,"left":NOW}',
    '{PAGE,"began":0,"left":1e300}',
  ])('makes nothing of %j, which somebody else left there', (text) => {
    const { clock, stored, open } = tab();
    const before = open();
    before.handleConnected();
    before.keep();
    for (const [key, kept] of stored) {
      const page = /"page":"[^"]*"/.exec(kept)?.[0] ?? 'none';
      stored.set(key, text.replace('PAGE', page).replaceAll('NOW', String(clock.now)));
    }
    clock.now += 1000;

    const after = open();
    after.handleConnected();

    expect(after.elapsed).toBe(0);
  });

  test('counts without a storage, or with one that takes nothing', () => {
    const full = {
      getItem: () => null,
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
      removeItem: () => {
        throw new DOMException('forbidden', 'SecurityError');
      },
    };
    const time = new SessionTime(
      full,
      () => PAGE,
      () => 1000,
    );
    time.handleConnected();
    time.keep();
    time.handleConnected();

    expect(time.elapsed).toBe(0);
  });
});

/** A tab in which one page after the other is opened. */
function tab(): {
  clock: { now: number };
  stored: Map<string, string>;
  open: (page?: string) => SessionTime;
} {
  const clock = { now: 1_800_000_000_000 };
  const stored = new Map<string, string>();
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  return {
    clock,
    stored,
    open: (page = PAGE) =>
      new SessionTime(
        storage,
        () => page,
        () => clock.now,
      ),
  };
}
