import { beforeEach, expect, test, vi } from 'vitest';

import { RelayWatch } from './relay-watch';

class Gathering extends EventTarget {
  iceGatheringState: RTCIceGatheringState = 'new';

  go(state: RTCIceGatheringState): void {
    this.iceGatheringState = state;
    this.dispatchEvent(new Event('icegatheringstatechange'));
  }

  find(type: RTCIceCandidateType | 'end'): void {
    const candidate = { candidate: type === 'end' ? '' : `candidate: ${type}`, type };
    this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }));
  }

  fail(errorCode: number): void {
    const url = 'turns:relay.example:443?transport=tcp';
    const error = { errorCode, errorText: 'Unauthorized', url };
    this.dispatchEvent(Object.assign(new Event('icecandidateerror'), error));
  }
}

let connection: Gathering;
let watch: RelayWatch;
const giveUp = vi.fn();

beforeEach(() => {
  giveUp.mockReset();
  connection = new Gathering();
  watch = new RelayWatch(connection as unknown as RTCPeerConnection, giveUp);
  connection.go('gathering');
});

test('gives up when relays have refused and there is no other way', () => {
  connection.fail(401);
  expect(giveUp).not.toHaveBeenCalled();
  connection.find('end');

  connection.go('complete');

  expect(giveUp).toHaveBeenCalledOnce();
  expect(watch.refusal).toBe('turns:relay.example:443?transport=tcp: 401 Unauthorized');
});

test('remembers a refusal where other ways are left', () => {
  connection.find('host');
  connection.fail(486);

  connection.go('complete');

  expect(giveUp).not.toHaveBeenCalled();
  expect(watch.refusal).toContain('486');
});

test('holds it for no refusal that a relay cannot be reached, or that another relays', () => {
  connection.fail(701);
  connection.go('complete');
  expect(watch.refusal).toBeUndefined();
  expect(giveUp).not.toHaveBeenCalled();

  connection.go('gathering');
  connection.fail(401);
  connection.find('relay');
  connection.go('complete');
  expect(watch.refusal).toBeUndefined();
  expect(giveUp).not.toHaveBeenCalled();
});

test('holds it for no refusal either that another refuses after one relays', () => {
  connection.find('relay');
  connection.fail(486);
  connection.go('complete');

  expect(watch.refusal).toBeUndefined();
});

test('begins anew with each search', () => {
  connection.find('relay');
  connection.go('gathering');
  connection.fail(401);
  expect(watch.refusal).toContain('401');
  connection.go('complete');
  connection.go('gathering');

  expect(watch.refusal).toBeUndefined();
  connection.go('complete');
  expect(giveUp).toHaveBeenCalledOnce();
});

test('watches no more when it is stopped', () => {
  watch.stop();
  connection.fail(401);
  connection.go('complete');

  expect(watch.refusal).toBeUndefined();
  expect(giveUp).not.toHaveBeenCalled();
});
