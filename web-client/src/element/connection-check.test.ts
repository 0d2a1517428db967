// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test } from 'vitest';
import { QuietroomError } from '../error';
import { english } from '../i18n/english';
import type { NetworkTest } from '../transport/network-test';
import { ConnectionCheckElement } from './connection-check';

let element: ConnectionCheckElement;
let signals: AbortSignal[];
let settle: { resolve: (result: NetworkTest) => void; reject: (reason: unknown) => void };

const ALL_FAILED: NetworkTest = {
  verdict: 'blocked',
  paths: {
    udp: 'failed',
    tcp: 'failed',
    'relay-udp': 'failed',
    'relay-tcp': 'untested',
    'relay-tls': 'failed',
  },
  addresses: [
    { path: 'udp', host: '203.0.113.4', port: 443 },
    { path: 'udp', host: '2001:db8::4', port: 443 },
    { path: 'tcp', host: '203.0.113.4', port: 443 },
    { path: 'relay-udp', host: '203.0.113.4', port: 443 },
    { path: 'relay-tcp', host: 'other.example', port: 80 },
    { path: 'relay-tls', host: 'clinic.example', port: 443 },
  ],
  message: '',
  mend: '',
};

beforeEach(async () => {
  signals = [];
  element = new ConnectionCheckElement();
  element.messages = english;
  element.test = (signal) => {
    signals.push(signal);
    return new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
  };
  document.body.append(element);
  await element.updateComplete;
});

afterEach(() => {
  element.remove();
});

async function press(): Promise<void> {
  element.renderRoot.querySelector('button')?.click();
  await element.updateComplete;
}

async function shown(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  await element.updateComplete;
}

function text(selector: string): string[] {
  return [...element.renderRoot.querySelectorAll(selector)].map(({ textContent }) => textContent);
}

test('nothing is tested before the press, and one test at a time', async () => {
  expect(signals).toHaveLength(0);
  expect(text('[role=status]')).toEqual(['']);

  await press();
  await press();

  expect(signals).toHaveLength(1);
  expect(text('[role=status]')).toEqual([english.testingConnection]);
});

test.each(['good', 'relayed'] as const)('%s is said in one sentence', async (verdict) => {
  await press();
  settle.resolve({ ...ALL_FAILED, verdict, roundTripTime: 40 });
  await shown();

  expect(text('[role=status]')).toEqual([english.connectionVerdicts[verdict]]);
  expect(text('li')).toEqual([]);
});

test('a slow line is told of beside', async () => {
  await press();
  settle.resolve({ ...ALL_FAILED, verdict: 'good', roundTripTime: 301 });
  await shown();

  expect(text('[role=status]')).toEqual([
    `${english.connectionVerdicts.good} ${english.connectionSlow}`,
  ]);
});

test('whoever looks after a network that blocks learns what to let through', async () => {
  await press();
  settle.resolve(ALL_FAILED);
  await shown();

  expect(text('[role=status]')).toEqual([english.connectionVerdicts.blocked]);
  expect(text('.needs')).toEqual([english.connectionNeeds]);
  expect(text('li')).toEqual([
    'UDP 203.0.113.4:443',
    'UDP [2001:db8::4]:443',
    'TCP 203.0.113.4:443',
    'TCP clinic.example:443',
  ]);
});

test('a test that fails says why, and can be pressed again', async () => {
  await press();
  settle.reject(new QuietroomError('signaling-unreachable'));
  await shown();
  expect(text('[role=status]')).toEqual([english.errors['signaling-unreachable'].join(' ')]);

  await press();
  expect(signals).toHaveLength(2);
});

test('with the green room goes the test', async () => {
  await press();
  element.remove();

  expect(signals[0]?.aborted).toBe(true);
});
