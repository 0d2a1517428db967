import { toQuietroomError, type QuietroomError } from '../error';
import { Emitter } from '../events';
import { setBackgroundBlur } from '../media/background-blur';
import { DeviceChoices } from '../media/device-choices';
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
  /** A device that was in use is gone, and another one of its kind is used. */
  replaced: [source: DeviceSource, label: string];
}

/** The own microphone, camera and shared screen, and what the server is told of them. */
export class LocalMedia extends Emitter<LocalMediaEvents> {
  readonly microphone: Publication;
  readonly camera: Publication;
  readonly screen: ScreenShare;
  readonly choices: DeviceChoices;
  readonly #devices: Devices;
  readonly #send: (message: ClientMessage) => void;
  /** What the server was told last. */
  #announced = '';
  #isOpened = false;
  #replacedAt = -Infinity;
  #isIn = false;
  #isClosed = false;
  #stopWatch: () => void = () => undefined;

  constructor(access: DeviceAccess & DisplayAccess, send: (message: ClientMessage) => void) {
    super();
    this.#send = send;
    this.choices = new DeviceChoices(access.mediaDevices);
    this.#devices = new Devices(access, this.choices);
    this.microphone = this.#createPublication('microphone');
    this.camera = this.#createPublication('camera');
    this.screen = this.#createScreenShare(access);
    this.choices.on('chosen', (kind) => {
      if (kind !== 'speaker') this.#try(kind, this[kind].reopen());
    });
    this.choices.on('backgroundChosen', (isBlurred) => void this.#blurBackground(isBlurred));
  }

  /** Opens those that are wanted; what is on or off afterwards is up to the person. */
  open(wanted: Partial<Record<DeviceSource, boolean | undefined>>): void {
    if (this.#isOpened) return;
    this.#isOpened = true;
    this.#stopWatch = this.choices.onDeviceChange(() => void this.#takeChosen());
    const missing = SOURCES.filter(
      (source) => (wanted[source] ?? true) && this[source].track === undefined,
    );
    const opening = this.#devices.openTogether(missing);
    for (const source of missing) {
      this.#try(source, this[source].setEnabled(true, opening[source]));
    }
  }

  /** Whether {@link LocalMedia.open} would have the browser ask the person, as far as it tells. */
  async wouldAsk(
    wanted: Partial<Record<DeviceSource, boolean | undefined>>,
  ): Promise<boolean | undefined> {
    const asked = SOURCES.filter((source) => wanted[source] ?? true);
    const answers = await Promise.all(asked.map((source) => this.#devices.wouldAsk(source)));
    if (answers.includes(true)) return true;
    return answers.includes(undefined) ? undefined : false;
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
    this.#stopWatch();
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
    publication.on('lost', (error, wasOn) => {
      // What nobody used is opened when it is.
      if (wasOn) void this.#handleLost(source, error);
    });
    return publication;
  }

  /**
   * A voice goes on by another microphone, unless somebody has turned it on or
   * off meanwhile; no camera is turned on that nobody chose.
   */
  async #handleLost(source: DeviceSource, error: QuietroomError): Promise<void> {
    const { microphone } = this;
    const { wishes } = microphone;
    const isRepeated = Date.now() - this.#replacedAt < REPLACEMENT_SPACING;
    if (source === 'camera' || isRepeated || !(await this.#devices.isGranted(source))) {
      this.#tell(error);
      return;
    }
    if (this.#isClosed || microphone.wishes !== wishes) return;
    this.#replacedAt = Date.now();
    try {
      const opened = microphone.setEnabled(true);
      const wish = microphone.wishes;
      await opened;
      const { track } = microphone;
      if (track !== undefined && microphone.wishes === wish)
        this.emit('replaced', source, track.label);
    } catch {
      this.#tell(error);
    }
  }

  #tell(error: QuietroomError): void {
    if (!this.#isClosed) this.emit('error', error);
  }

  /** The chosen microphone may have been plugged in. A camera is left as its owner sees it. */
  async #takeChosen(): Promise<void> {
    const source = 'microphone';
    const id = await this.choices.find(source);
    const isOther = (): boolean => {
      const { track } = this[source];
      return track !== undefined && track.getSettings().deviceId !== id;
    };
    if (id === undefined || !isOther() || !(await this.#devices.isGranted(source))) return;
    try {
      const chosen = await this.#devices.open(source);
      if (isOther()) await this[source].replace(chosen);
      else chosen.stop();
    } catch {
      // What was used is used on.
    }
  }

  /** Where it fails, the picture and {@link LocalParticipant.backgroundBlur} stay as they were. */
  async #blurBackground(isBlurred: boolean): Promise<void> {
    const { track } = this.camera;
    if (track !== undefined) await setBackgroundBlur(track, isBlurred).catch(() => undefined);
    this.emit('changed');
  }

  #try(source: DeviceSource, change: Promise<void>): void {
    change.catch((reason: unknown) => {
      this.#tell(toQuietroomError(reason, `${source}-busy`));
    });
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

/** A microphone that goes at once whenever it is opened is not opened for ever; in ms. */
const REPLACEMENT_SPACING = 5000;
