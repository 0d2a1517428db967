import { describe, expect, test } from 'vitest';
import { SessionTime } from './session-time';

const ADDRESS = 'https://clinic.example/session?appointment=7';

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
    before.handlePageHide();
    clock.now += 20_000;

    const after = open();
    // The page's attributes come only now.
    after.handleAnother();
    after.handleConnected();

    expect(after.elapsed).toBe(620_000);
  });

  test('goes on after one reload upon the other, for two minutes in all', () => {
    const { clock, open } = tab();
    const first = open();
    first.handleConnected();
    first.handlePageHide();
    clock.now += 110_000;
    open().handlePageHide();
    clock.now += 10_000;
    open().handlePageHide();

    const inTime = open();
    inTime.handleConnected();
    expect(inTime.elapsed).toBe(120_000);
    inTime.handlePageHide();
    clock.now += 110_000;
    open().handlePageHide();
    clock.now += 10_001;

    const late = open();
    late.handleConnected();
    expect(late.elapsed).toBe(0);
  });

  test('goes on after a connection that was lost for good, in the same page or after a reload', () => {
    const { clock, open } = tab();
    const time = open();
    time.handleConnected();
    clock.now += 60_000;
    time.handleLost();
    expect(time.elapsed).toBeUndefined();
    time.handleRemoved();
    clock.now += 60_000;
    time.handleConnected();
    expect(time.elapsed).toBe(120_000);

    time.handleLost();
    clock.now += 1000;
    time.handlePageHide();
    const after = open();
    after.handleConnected();
    expect(after.elapsed).toBe(121_000);
  });

  test('goes on in a page that the browser kept', () => {
    const { clock, stored, open } = tab();
    const time = open();
    time.handleConnected();
    clock.now += 60_000;
    time.handlePageHide();
    clock.now += 1000;
    time.handleConnected();

    expect(time.elapsed).toBe(61_000);
    expect(stored.size).toBe(0);
  });

  test.each<[why: string, meanwhile: (time: SessionTime, clock: { now: number }) => void]>([
    [
      'a stay that was ended',
      (time) => {
        time.forget();
        time.handlePageHide();
      },
    ],
    [
      'the element went',
      (time) => {
        time.handleRemoved();
      },
    ],
    [
      'two minutes',
      (time, clock) => {
        time.handlePageHide();
        clock.now += 120_001;
      },
    ],
    [
      'a clock that was set back',
      (time, clock) => {
        time.handlePageHide();
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

  test('begins anew for another person in the page, after a stay and after a lost connection', () => {
    const { clock, open } = tab();
    const time = open();
    time.handleConnected();
    clock.now += 60_000;
    time.handleAnother();
    time.handleConnected();
    expect(time.elapsed).toBe(0);

    clock.now += 60_000;
    time.handleLost();
    time.handleAnother();
    time.handleConnected();
    expect(time.elapsed).toBe(0);
  });

  test('begins anew for whoever came by a link, and when they reload later', () => {
    const { clock, stored, open } = tab();
    const before = open();
    before.handleConnected();
    clock.now += 60_000;
    before.handlePageHide();

    const byLink = open({ isReload: false });
    expect(stored.size).toBe(0);
    byLink.handlePageHide();
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
      before.handlePageHide();

      const after = open({ address: ADDRESS.replace('?appointment=7', other) });
      after.handleConnected();

      expect(after.elapsed).toBe(0);
    },
  );

  test('is not in a tab that was doubled from one that goes on', () => {
    const { clock, stored, open } = tab();
    const before = open();
    before.handleConnected();
    clock.now += 60_000;
    before.handlePageHide();
    // Before anybody is in.
    open();
    const doubled = new Map(stored);

    const other = open({ stored: doubled });
    other.handleConnected();

    expect(other.elapsed).toBe(0);
  });

  test('writes down neither the address nor anything of the session', () => {
    const { clock, stored, open } = tab();
    const time = open();
    time.handleConnected();
    expect(stored.size).toBe(0);
    time.handlePageHide();

    expect([...stored.values()].map((text) => JSON.parse(text) as unknown)).toEqual([
      {
        address: expect.stringMatching(/^[0-9a-f]{1,8}$/) as string,
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
    '{ADDRESS}',
    '{ADDRESS,"began":"x","left":NOW}',
    '{ADDRESS,"began":NOW,"left":"y"}',
    '{ADDRESS,"began":null,"left":NOW}',
    '{ADDRESS,"began":-1e300,"left":NOW}',
    '{ADDRESS,"began":0,"left":1e300}',
  ])('makes nothing of %j, which somebody else left there', (text) => {
    const { clock, stored, open } = tab();
    const before = open();
    before.handleConnected();
    before.handlePageHide();
    for (const [key, kept] of stored) {
      const address = /"address":"[^"]*"/.exec(kept)?.[0] ?? 'none';
      stored.set(key, text.replace('ADDRESS', address).replaceAll('NOW', String(clock.now)));
    }
    clock.now += 1000;

    const after = open();
    after.handleConnected();

    expect(after.elapsed).toBe(0);
    expect(stored.size).toBe(0);
  });

  test.each<[string, Storage | undefined]>([
    ['without a storage', undefined],
    ['with one that takes nothing', refusing()],
  ])('counts %s, also after a lost connection', (_name, storage) => {
    let now = 1000;
    const time = new SessionTime(
      () => ADDRESS,
      true,
      storage,
      () => now,
    );
    time.handleConnected();
    now += 5000;
    time.handlePageHide();
    now += 1000;
    time.handleConnected();

    expect(time.elapsed).toBe(6000);
  });
});

interface Opening {
  readonly address?: string;
  readonly isReload?: boolean;
  readonly stored?: Map<string, string>;
}

/** A tab in which one page after the other is opened. */
function tab(): {
  clock: { now: number };
  stored: Map<string, string>;
  open: (opening?: Opening) => SessionTime;
} {
  const clock = { now: 1_800_000_000_000 };
  const own = new Map<string, string>();
  const open = ({ address = ADDRESS, isReload = true, stored = own }: Opening = {}) => {
    const storage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
      removeItem: (key: string) => void stored.delete(key),
    };
    return new SessionTime(
      () => address,
      isReload,
      storage,
      () => clock.now,
    );
  };
  return { clock, stored: own, open };
}

function refusing(): Storage {
  const refuse = (): never => {
    throw new DOMException('forbidden', 'SecurityError');
  };
  return {
    length: 0,
    key: refuse,
    clear: refuse,
    getItem: refuse,
    setItem: refuse,
    removeItem: refuse,
  };
}
