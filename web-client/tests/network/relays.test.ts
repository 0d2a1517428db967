import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test, vi } from 'vitest';

import { CHROMIUM, GREEN, Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import type { NetworkTest, TransportPath } from '../../src/index';
import { SLOWNESS } from '../slow-machine';
import { Authority } from './authority';
import { Coturn } from './coturn';
import { Machine } from './machine';
import { linkBy, type OnlyWay, pathOf, restrictWays } from './ways';

describe('somebody on a network that lets little through', () => {
  let authority: Authority;
  let server: Server;
  let machine: Machine;
  let near: Participant;
  let far: Participant;
  /** What was started, in that order. */
  const ends: (() => Promise<unknown>)[] = [];
  /** When somebody was connected straight, in ms: the least of several times. */
  let straight = Infinity;

  beforeAll(async () => {
    authority = await Authority.make([ADDRESS, SERVER_IPV6], NAME);
    ends.push(() => authority.remove());
    await ip('address', 'add', `${ADDRESS}/32`, 'dev', 'outside');
    await ip('-6', 'address', 'add', `${SERVER_IPV6}/64`, 'dev', 'outside', 'nodad');
    server = await Server.startRelaying(ADDRESS, {
      ...authority.server,
      settings: '[turn]\nport = 3478',
      moreAddresses: [SERVER_IPV6],
    });
    ends.push(() => server.stop());
    machine = await Machine.make('red');
    ends.push(() => machine.remove());
    await machine.plugIn(1);
    await machine.run('nft', 'add table inet nat');
    await machine.run('nft', 'add chain inet nat out { type nat hook postrouting priority 100; }');
    await machine.run('nft', 'add table inet wall');
    await machine.run('nft', 'add chain inet wall out { type filter hook output priority 0; }');
    await machine.run('nft', 'add chain inet wall in { type filter hook input priority 0; }');
    const { home } = authority;
    const program = await machine.program(CHROMIUM);
    [near, far] = await Promise.all([
      Participant.start(GREEN, undefined, { home }),
      Participant.start(RED, undefined, {
        home,
        program,
        // TURN's names have a dot at their end there.
        flags: [`--host-resolver-rules=MAP ${NAME} ${ADDRESS},MAP ${NAME}. ${ADDRESS}`],
      }),
    ]);
    ends.push(() => Promise.all([near.close(), far.close()]));
    await far.prepare(restrictWays);
    // Chromium gives a page up when the machine's addresses change, as they do now.
    const link = server.link(await server.token('one'));
    await vi.waitFor(() => near.open(link), { timeout: 15_000, interval: 250 });
  });

  beforeEach(async () => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}\npage:\n${far.console.join('\n')}`);
    });
    for (const chain of ['out', 'in']) await machine.run('nft', `flush chain inet wall ${chain}`);
  });

  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  /** Lets nothing out and in but what these rules accept. */
  async function letThrough(...rules: string[]): Promise<void> {
    for (const rule of [...rules, 'drop'])
      await machine.run('nft', `add rule inet wall out ${rule}`);
  }

  async function seesAndHears(): Promise<void> {
    await expect
      .poll(() => far.tiles(), { timeout: 10_000 })
      .toEqual([{ seen: 'green', heard: 'green' }]);
  }

  /** Comes in by one way, and gives which it became and when it was connected, in ms. */
  async function come(
    way: OnlyWay | undefined,
    host = NAME,
  ): Promise<{ path: TransportPath | undefined; connected: number }> {
    await far.open('about:blank');
    const link = server.link(await server.token('one')).replace(ADDRESS, host);
    await far.open(linkBy(way, link));
    await Promise.all([far.meets(1), near.meets(1)]);
    const { marks, firstFrame } = await far.timings();
    await expect.poll(() => pathOf(far), { timeout: 5_000 }).toBeDefined();
    const path = await pathOf(far);
    const connected = Math.round(marks['connected'] ?? Infinity);
    console.log(
      `${way ?? 'any way'}: by ${path}, connected after ${connected} ms, ` +
        `first picture after ${Math.round(firstFrame)} ms`,
    );
    return { path, connected };
  }

  async function meetBy(way: OnlyWay | undefined, host?: string): Promise<string | undefined> {
    const { path } = await come(way, host);
    return path;
  }

  /**
   * Comes in by one way, hardly later than straight. A busy machine makes some
   * of those who come late, so the soonest of several counts.
   */
  async function meetInTimeBy(way: OnlyWay | undefined, expected: RegExp): Promise<void> {
    let later = Infinity;
    for (let attempt = 0; later >= BAR_MS && attempt < ATTEMPTS; attempt += 1) {
      const { path, connected } = await come(way);
      expect(path).toMatch(expected);
      later = Math.min(later, connected - straight);
    }
    console.log(`${way ?? 'any way'}: ${later} ms later than straight`);
    expect(later).toBeLessThan(SLOWNESS * BAR_MS);
  }

  async function testNetwork(token: string): Promise<NetworkTest> {
    const start = Date.now();
    const result = await far.page.evaluate<NetworkTest>(
      `import('/quietroom.js').then(({ testNetwork }) => testNetwork({ token: '${token}' }))`,
    );
    console.log(`tested in ${Date.now() - start} ms: ${JSON.stringify(result)}`);
    return result;
  }

  test('goes straight where that is let through', async () => {
    // What the first page has to do, others need not.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { path, connected } = await come(undefined);
      expect(path).toBe('udp');
      straight = Math.min(straight, connected);
    }
  });

  test.each(['relay-udp', 'relay-tcp', 'relay-tls'] as const)(
    'is relayed by %s alone, hardly later than straight',
    async (way) => {
      await meetInTimeBy(way, new RegExp(`^${way}$`));
      await seesAndHears();
    },
  );

  test('gets through with nothing open but the web port, by relay or straight', async () => {
    await letThrough('tcp dport 443 accept', 'meta l4proto icmp accept');

    await meetInTimeBy('no-relay', /^tcp$/);
    await seesAndHears();
    // Those over UDP it asks in vain.
    await meetInTimeBy('relay', /^relay-t(cp|ls)$/);
    await meetInTimeBy('relay-tls', /^relay-tls$/);
    await meetInTimeBy(undefined, /tcp|tls/);
  });

  test('stays in the session when UDP is no longer let through', async () => {
    expect(await meetBy(undefined)).toBe('udp');
    const ids = await Promise.all([far.ids(), near.ids()]);
    const start = Date.now();
    await letThrough('tcp dport 443 accept', 'meta l4proto icmp accept');

    await expect.poll(() => pathOf(far), { timeout: 20_000 }).toMatch(/tcp|tls/);
    console.log(`by ${await pathOf(far)}, ${Date.now() - start} ms after UDP was over`);
    await seesAndHears();
    expect(await Promise.all([far.ids(), near.ids()]), 'nobody came anew').toEqual(ids);
  });

  test('gets through a NAT', async () => {
    const udp = 'meta l4proto udp masquerade random';
    await machine.run('nft', `add rule inet nat out ${udp}`);

    expect(await meetBy('relay-udp')).toBe('relay-udp');
    expect(await meetBy(undefined)).toBe('udp');
    await machine.run('nft', 'flush chain inet nat out');
  });

  test('gets through where there is IPv6 alone', async () => {
    // Else it could not say that it leaves.
    await far.open('about:blank');
    await near.meets(0);
    await machine.disconnect(1);
    const [here, there] = ['fd00:9:1::1', 'fd00:9:1::2'];
    await ip('-6', 'address', 'add', `${here}/64`, 'dev', machine.cable(1), 'nodad');
    await machine.run('ip', '-6', 'address', 'add', `${there}/64`, 'dev', 'cable1', 'nodad');
    await machine.run('ip', '-6', 'route', 'add', 'default', 'via', here);

    expect(await meetBy(undefined, `[${SERVER_IPV6}]`)).toBe('udp');
    for (const way of ['relay-udp', 'relay-tls'] as const) {
      expect(await meetBy(way, `[${SERVER_IPV6}]`)).toBe(way);
    }
    await machine.connect(1);
  });

  test('is told before the join what its network lets through', async () => {
    const token = await server.token('one');
    await far.open(`${server.origin}/#token=none`);
    expect(await testNetwork(token)).toMatchObject({
      verdict: 'good',
      paths: { udp: 'works' },
    });

    await letThrough('tcp dport 443 accept');
    expect(await testNetwork(token)).toMatchObject({
      verdict: 'web-port',
      paths: { udp: 'failed', tcp: 'works', 'relay-udp': 'failed', 'relay-tls': 'works' },
    });
  });

  test('says so when relays refuse it, and gets in by any other way', async () => {
    const refusedBy = async (way: OnlyWay): Promise<void> => {
      const link = server.link(await server.token('one')).replace(ADDRESS, NAME);
      await far.open(linkBy(way, link, 'no-relay-takes-this'));
    };
    const start = Date.now();
    await refusedBy('relay');
    await far.page.getByText('the relay that this network needs has refused').waitFor(PATIENCE);
    console.log(`told ${Date.now() - start} ms after the page was opened`);

    await refusedBy('any');
    await Promise.all([far.meets(1), near.meets(1)]);
    await expect.poll(() => pathOf(far), PATIENCE).toBe('udp');
  });

  test('is relayed by an outside server that shares a secret with this one', async () => {
    const secret = 'a secret that both servers have';
    const outside = await Coturn.start(ADDRESS, secret);
    ends.push(() => outside.stop());
    await server.stop();
    server = await Server.startRelaying(ADDRESS, {
      ...authority.server,
      settings: `[turn.outside]\nurls = ["${outside.url}"]\nsecret_file = "${await authority.write('secret', secret)}"`,
    });
    await near.open('about:blank');
    await near.open(server.link(await server.token('one')));

    expect(await meetBy('relay')).toBe('relay-udp');
    await seesAndHears();
  });
});

const ip = (...parameters: string[]): Promise<unknown> => promisify(execFile)('ip', parameters);

/**
 * The server's. Chromium takes candidates at port 443 of public addresses
 * alone, as those that documentation uses are to it (RFC 5737).
 */
const ADDRESS = '203.0.113.1';
const SERVER_IPV6 = 'fd00:9::1';
const NAME = 'meet.clinic.test';

/** In ms. A browser asks each relay twice, one after the other. */
const PATIENCE = { timeout: 8_000 } as const;

/** How much later than straight somebody may be connected. */
const BAR_MS = 1_000;
const ATTEMPTS = 4;
