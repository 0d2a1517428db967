import type { TransformWorker } from '../e2ee/transforms';
import type { DeviceAccess } from '../media/devices';
import type { DisplayAccess } from '../media/screen-share';
import { SUBPROTOCOL, type SignalingSocket } from '../signaling/connection';
import type { PeerConfiguration } from '../transport/configuration';
import type { BrowserScope } from './features';
import { SleepWatch } from './sleep';
import { Timers } from './timers';

/** Everything of the browser that a room uses, so that tests can stand in for it. */
export interface Environment {
  readonly scope: BrowserScope;
  readonly timers: Timers;
  readonly devices: DeviceAccess & DisplayAccess;
  /** The page's address. */
  readonly page: string;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  openSocket(address: URL): SignalingSocket;
  createPeerConnection(configuration: PeerConfiguration): RTCPeerConnection;
  readonly fetch: typeof fetch;
  startWorker(url: string | URL | undefined): TransformWorker;
  /** Whether the device knows of no network at all. */
  isOffline(): boolean;
  /** Calls `listener` when the network may be another one, or back, or the device slept; the returned function undoes it. */
  onNetworkChange(listener: () => void): () => void;
  /** Calls `listener` when the page goes away; the returned function undoes it. */
  onPageHide(listener: () => void): () => void;
}

/** The browser this runs in. */
export function browserEnvironment(): Environment {
  const timers = new Timers();
  return {
    scope: window,
    timers,
    devices: navigator,
    page: location.href,
    fetch: (...request) => fetch(...request),
    now: () => performance.now(),
    openSocket: (address) => new WebSocket(address, SUBPROTOCOL),
    createPeerConnection: (configuration) => new RTCPeerConnection(configuration),
    startWorker: (url) =>
      url === undefined
        ? new Worker(new URL('../e2ee/worker/worker.ts', import.meta.url), {
            type: 'module',
            name: 'quietroom-e2ee',
          })
        : new Worker(new URL(url, location.href), { type: 'module', name: 'quietroom-e2ee' }),
    isOffline: () => !navigator.onLine,
    onNetworkChange: (listener) => {
      window.addEventListener('online', listener);
      const sleepWatch = new SleepWatch(listener, timers);
      return () => {
        window.removeEventListener('online', listener);
        sleepWatch.stop();
      };
    },
    onPageHide: (listener) => {
      window.addEventListener('pagehide', listener);
      return () => {
        window.removeEventListener('pagehide', listener);
      };
    },
  };
}
