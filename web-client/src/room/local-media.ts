import { toQuietroomError, type QuietroomError } from '../error';
import { Emitter } from '../events';
import { Devices, type DeviceAccess, type DeviceSource } from '../media/devices';
import { Publication } from '../media/publish';
import { ScreenShare, type DisplayAccess } from '../media/screen-share';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { Permission } from '../signaling/protocol/Permission';
import type { Peer } from '../transport/peer';

interface LocalMediaEvents {
  /** A device or the shared screen is on, off or another one. */
  changed: [];
  /** A device could not be opened, or went away by itself. */
  error: [error: QuietroomError];
}

/** The own microphone, camera and shared screen, and what the server is told of them. */
export class LocalMedia extends Emitter<LocalMediaEvents> {
  readonly microphone: Publication;
  readonly camera: Publication;
  readonly screen: ScreenShare;
  readonly #devices: Devices;
  readonly #send: (message: ClientMessage) => void;
  /** What the server was told last. */
  #announced = '';
  #isIn = false;
  #isClosed = false;

  constructor(access: DeviceAccess & DisplayAccess, send: (message: ClientMessage) => void) {
    super();
    this.#send = send;
    this.#devices = new Devices(access);
    this.microphone = this.#createPublication('microphone');
    this.camera = this.#createPublication('camera');
    this.screen = this.#createScreenShare(access);
  }

  /** Opens those that are wanted and not open yet. */
  open(wanted: Partial<Record<DeviceSource, boolean | undefined>>): void {
    const missing = SOURCES.filter(
      (source) => (wanted[source] ?? true) && this[source].track === undefined,
    );
    const opening = this.#devices.openTogether(missing);
    for (const source of missing) {
      this[source].setEnabled(true, opening[source]).catch((reason: unknown) => {
        if (this.#isClosed) return;
        this.emit('error', toQuietroomError(reason, `${source}-busy`));
      });
    }
  }

  /** Sends the devices by `peer` from now on; calls `fail` if they cannot be. */
  publish(peer: Peer, fail: (error: QuietroomError) => void): void {
    for (const source of SOURCES) {
      this[source].connect(peer[source]).catch((reason: unknown) => {
        fail(toQuietroomError(reason, 'encryption-failed'));
      });
    }
  }

  /** Turns off what may not be used. */
  hold(permissions: ReadonlySet<Permission>): void {
    for (const source of SOURCES) {
      if (!permissions.has(source)) void this[source].setEnabled(false);
    }
  }

  /** The server let us in, and knows nothing of our devices. */
  handleJoined(): void {
    this.#isIn = true;
    this.#announced = '';
    this.#announce();
  }

  /** Somebody turned a device off. */
  handleMuted(source: DeviceSource): void {
    void this[source].setEnabled(false);
    // Said even if it was off: the server waits for its owner's word.
    this.#announced = '';
    this.#announce();
  }

  close(): void {
    this.#isClosed = true;
    for (const source of SOURCES) this[source].close();
    this.screen.close();
  }

  /** Tells the server which devices are being sent, if that is news. */
  #announce(): void {
    if (!this.#isIn) return;
    const announcement = {
      type: 'media',
      microphone: this.microphone.isSending,
      camera: this.camera.isSending,
    } as const;
    const text = JSON.stringify(announcement);
    if (text === this.#announced) return;
    this.#announced = text;
    this.#send(announcement);
  }

  #createPublication(source: DeviceSource): Publication {
    const publication = new Publication(source, () => this.#devices.open(source));
    publication.on('changed', () => {
      this.#announce();
      this.emit('changed');
    });
    publication.on('lost', (error) => {
      this.emit('error', error);
    });
    return publication;
  }

  #createScreenShare(access: DisplayAccess): ScreenShare {
    const share = new ScreenShare(access);
    share.on('wanted', (isWanted) => {
      this.#send({ type: isWanted ? 'share-screen' : 'stop-screen-share' });
    });
    share.on('changed', () => {
      this.emit('changed');
    });
    return share;
  }
}

const SOURCES = ['microphone', 'camera'] as const;
