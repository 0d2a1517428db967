import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Gathering } from './gathering';
import { GREEN, type Participant, RED } from './participant';

describe('two people whose tokens are bound to the keys of their browsers', () => {
  const gathering = Gathering.byPrintedLink();
  let red: Participant;
  let green: Participant;
  /** What each page was given as a token, and what it said to the server. */
  const tokens: string[] = [];
  const joins: Join[] = [];

  beforeAll(async () => {
    [red, green] = (await gathering.start([RED, GREEN])) as [Participant, Participant];
    for (const { page } of [red, green]) {
      page.on('websocket', (socket) => {
        socket.on('framesent', ({ payload }) => {
          const message = JSON.parse(String(payload)) as Join;
          if (message.type === 'join') joins.push(message);
        });
      });
      page.on('response', (response) => {
        if (!response.url().includes('/demo/token')) return;
        void response.json().then(({ token }: { token: string }) => tokens.push(token));
      });
    }
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('meet, each by a token for the own key', async () => {
    for (const participant of [red, green]) {
      await participant.open(gathering.server.printedLink ?? '');
    }
    await Promise.all([red.meets(1), green.meets(1)]);

    expect(tokens).toHaveLength(2);
    expect(joins.map(({ token }) => token).sort()).toEqual([...tokens].sort());
    for (const { token, proof } of joins) {
      expect(claims(token).cnf.jkt).toBe(await thumbprint(proof.key.x));
    }
  });

  test('are members of the group by those same keys', async () => {
    const keys = await red.page.evaluate(() =>
      document.querySelector('quiet-room')!.room!.group!.members.map(({ key }) => key),
    );
    expect(keys.sort()).toEqual(joins.map(({ proof }) => proof.key.x).sort());
  });

  test('lose nothing to somebody who has the token, the proof, or both', async () => {
    const { token, proof } = joins[0]!;
    const codes = await green.page.evaluate(
      ([stolen, used]) => {
        const attempt = (extra: object): Promise<string> =>
          new Promise((resolve) => {
            const socket = new WebSocket(`ws://${location.host}/v1/signal`, 'quietroom.v1');
            socket.onopen = () => {
              const join = { type: 'join', token: stolen, keyPackageFollows: true, ...extra };
              socket.send(JSON.stringify(join));
            };
            socket.onmessage = ({ data }) => {
              const message = JSON.parse(data as string) as { type: string; code: string };
              if (message.type !== 'challenge') resolve(message.code);
            };
          });
        return Promise.all([attempt({}), attempt({ proof: used })]);
      },
      [token, proof] as const,
    );
    expect(codes).toEqual(['proof-required', 'invalid-proof']);
  });

  test('come back with a new socket, and as the same member', async () => {
    const before = joins.length;
    await red.page.evaluate(() => {
      window.dispatchEvent(new Event('online'));
    });
    await red.page.waitForFunction(
      () => document.querySelector('quiet-room')!.room!.state === 'connected',
    );
    await Promise.all([red.meets(1), green.meets(1)]);
    expect(joins).toHaveLength(before);
  });
});

interface Join {
  readonly type: string;
  readonly token: string;
  readonly proof: { readonly key: { readonly x: string }; readonly signature: string };
}

function claims(token: string): { cnf: { jkt: string } } {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url');
  return JSON.parse(payload.toString()) as { cnf: { jkt: string } };
}

async function thumbprint(x: string): Promise<string> {
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(members));
  return Buffer.from(hash).toString('base64url');
}
