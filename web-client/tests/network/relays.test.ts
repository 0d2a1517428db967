import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { CHROMIUM, GREEN, Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import type { TransportPath } from '../../src/index';
import { Authority } from './authority';
import { Machine, SERVER } from './machine';
import { linkBy, pathOf, restrictWays } from './ways';

describe('somebody on a network that lets little through', () => {
  let authority: Authority;
  let server: Server;
  let machine: Machine;
  let near: Participant;
  let far: Participant;
  const times = new Map<string, number>();

  beforeAll(async () => {
    authority = await Authority.make([SERVER]);
    server = await Server.startRelaying(SERVER, {
      ...authority.server,
      settings: '[turn]\nport = 3478',
    });
    machine = await Machine.make('red');
    await machine.plugIn(1);
    await machine.run('nft', 'add table inet wall');
    await machine.run('nft', 'add chain inet wall out { type filter hook output priority 0; }');
    await machine.run('nft', 'add chain inet wall in { type filter hook input priority 0; }');
    const { home } = authority;
    const program = await machine.program(CHROMIUM);
    [near, far] = await Promise.all([
      Participant.start(GREEN, undefined, { home }),
      Participant.start(RED, undefined, { home, program }),
    ]);
    await far.prepare(restrictWays);
    await near.open(server.link(await server.token('one')));
  });

  beforeEach(async () => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}\npage:\n${far.console.join('\n')}`);
    });
    for (const chain of ['out', 'in']) await machine.run('nft', `flush chain inet wall ${chain}`);
  });

  afterAll(async () => {
    await Promise.allSettled([near?.close(), far?.close()]);
    await machine?.remove();
    await server?.stop();
    await authority?.remove();
  });

  /** Lets nothing out and in but what these rules accept. */
  async function letThrough(...rules: string[]): Promise<void> {
    for (const rule of [...rules, 'drop']) await machine.run('nft', `add rule inet wall out ${rule}`);
  }

  /** Comes in by one way, and is seen and heard. */
  async function meetBy(way: TransportPath | 'relay' | undefined): Promise<string | undefined> {
    await far.open('about:blank');
    await far.open(linkBy(way, server.link(await server.token('one'))));
    await Promise.all([far.meets(1), near.meets(1)]);
    const { marks, firstFrame } = await far.timings();
    await expect.poll(() => pathOf(far), { timeout: 5_000 }).toBeDefined();
    const path = await pathOf(far);
    console.log(
      `${way ?? 'any way'}: by ${path}, connected after ${Math.round(marks['connected'] ?? 0)} ms, ` +
        `first picture after ${Math.round(firstFrame)} ms`,
    );
    times.set(way ?? 'any', marks['connected'] ?? Infinity);
    return path;
  }

  test('goes straight where that is let through', async () => {
    expect(await meetBy(undefined)).toBe('udp');
  });

  test.each(['relay-udp', 'relay-tcp', 'relay-tls'] as const)('is relayed by %s alone', async (way) => {
    expect(await meetBy(way)).toBe(way);
    expect(await far.tiles()).toEqual([{ seen: 'green', heard: 'green' }]);
  });

  test('joins over TLS hardly later than straight', () => {
    const later = (times.get('relay-tls') ?? Infinity) - (times.get('any') ?? 0);
    console.log(`over TLS ${Math.round(later)} ms later than straight`);
    expect(later).toBeLessThan(BAR_MS);
  });

  test('gets through with nothing open but the web port, by relay or straight', async () => {
    await letThrough('tcp dport 443 accept', 'meta l4proto icmp accept');

    expect(await meetBy(undefined)).toBe('tcp');
    expect(await meetBy('relay')).toMatch(/^relay-t(cp|ls)$/);
    await expect
      .poll(() => far.tiles(), { timeout: 10_000 })
      .toEqual([{ seen: 'green', heard: 'green' }]);
  });
});

/** What is printed is to be within this. */
const BAR_MS = 1_000;
