import { Emitter } from '../events';

/** What can be chosen: where sound and pictures come from, and where others' sound goes. */
export type DeviceKind = 'microphone' | 'camera' | 'speaker';

/** A device that the computer has. */
export interface Device {
  /** What it is for. */
  readonly kind: DeviceKind;
  /** Good for this site only. */
  readonly id: string;
  /** As the computer calls it; empty before the person has allowed a device. */
  readonly label: string;
  /** What is in one case, such as a headset, has the same; empty if the browser does not tell. */
  readonly group: string;
}

/** The part of `navigator.mediaDevices` that is used; test doubles may lack it. */
export type DeviceInventory = Partial<
  Pick<MediaDevices, 'enumerateDevices' | 'addEventListener' | 'removeEventListener'>
>;

interface DeviceChoicesEvents {
  /** Another device of a kind was chosen, or none any more. */
  chosen: [kind: DeviceKind];
  /** {@link DeviceChoices.blursBackground} is another one. */
  backgroundChosen: [isBlurred: boolean];
}

/**
 * Which device of each kind the person wants, from one visit to the next. A
 * browser may give devices other ids by then; so their names are remembered too.
 */
export class DeviceChoices extends Emitter<DeviceChoicesEvents> {
  readonly #inventory: DeviceInventory;
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined;
  readonly #choices: Partial<Record<DeviceKind, Choice | undefined>>;
  #blursBackground: boolean;

  constructor(
    inventory: DeviceInventory = {},
    storage: Pick<Storage, 'getItem' | 'setItem'> | undefined = siteStorage(),
  ) {
    super();
    this.#inventory = inventory;
    this.#storage = storage;
    this.#choices = read(storage);
    this.#blursBackground = readBackground(storage);
  }

  /** Whether what is behind the person is to be blurred wherever the computer can do that. */
  get blursBackground(): boolean {
    return this.#blursBackground;
  }

  /** Has it blurred or not, and remembers that. */
  setBackgroundBlur(isBlurred: boolean): void {
    this.#blursBackground = isBlurred;
    try {
      this.#storage?.setItem(BACKGROUND_KEY, isBlurred ? BLURRED : 'plain');
    } catch {
      // As of devices.
    }
    this.emit('backgroundChosen', isBlurred);
  }

  /** What there is. Before the person has allowed a device, browsers tell little. */
  async list(): Promise<readonly Device[]> {
    const devices = await this.#inventory.enumerateDevices?.().catch(() => []);
    return (devices ?? []).flatMap(({ kind, deviceId, label, groupId }) =>
      // Some browsers list what they do not name, once for each kind, and a second time what is the default.
      deviceId === '' || REPEATED.has(deviceId)
        ? []
        : [{ kind: KINDS[kind], id: deviceId, label, group: groupId }],
    );
  }

  /** The chosen one's id if it is there, by its id or else by its name; absent where any will do. */
  async find(kind: DeviceKind): Promise<string | undefined> {
    const choice = this.#choices[kind];
    if (choice === undefined) return undefined;
    const devices = (await this.list()).filter((device) => device.kind === kind);
    const found =
      devices.find(({ id }) => id === choice.id) ??
      devices.find(({ label }) => label !== '' && label === choice.label);
    return found?.id;
  }

  /** The id that the chosen one had when it was chosen, be it there or not. */
  remembered(kind: DeviceKind): string | undefined {
    return this.#choices[kind]?.id;
  }

  /** Chooses a device, or with `undefined` leaves it to the computer, and remembers that. */
  choose(kind: DeviceKind, device: Pick<Device, 'id' | 'label'> | undefined): void {
    this.#choices[kind] = device === undefined ? undefined : { id: device.id, label: device.label };
    try {
      this.#storage?.setItem(KEY, JSON.stringify(this.#choices));
    } catch {
      // It is full or forbidden: the choice holds for this visit.
    }
    this.emit('chosen', kind);
  }

  /** Calls `listener` when a device is plugged in or out; the returned function ends that. */
  onDeviceChange(listener: () => void): () => void {
    this.#inventory.addEventListener?.('devicechange', listener);
    return () => {
      this.#inventory.removeEventListener?.('devicechange', listener);
    };
  }
}

interface Choice {
  readonly id: string;
  readonly label: string;
}

function siteStorage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    // Pages without an origin of their own may not ask.
    return undefined;
  }
}

/** What stands there may be another version's, or anybody's. */
function read(
  storage: Pick<Storage, 'getItem'> | undefined,
): Partial<Record<DeviceKind, Choice | undefined>> {
  try {
    const stored: unknown = JSON.parse(storage?.getItem(KEY) ?? '{}');
    if (typeof stored !== 'object' || stored === null) return {};
    return Object.fromEntries(
      Object.entries(stored).filter(([kind, choice]) => kind in LABELLED && isChoice(choice)),
    );
  } catch {
    return {};
  }
}

function readBackground(storage: Pick<Storage, 'getItem'> | undefined): boolean {
  try {
    return storage?.getItem(BACKGROUND_KEY) === BLURRED;
  } catch {
    return false;
  }
}

function isChoice(value: unknown): value is Choice {
  if (typeof value !== 'object' || value === null) return false;
  const { id, label } = value as Partial<Record<string, unknown>>;
  return typeof id === 'string' && typeof label === 'string';
}

const KEY = 'quietroom.devices';
const BACKGROUND_KEY = 'quietroom.background';
const BLURRED = 'blurred';

const KINDS = { audioinput: 'microphone', videoinput: 'camera', audiooutput: 'speaker' } as const;

const LABELLED: Record<DeviceKind, true> = { microphone: true, camera: true, speaker: true };

/** Chromium's names for what stands in the list under its own id too. */
const REPEATED: ReadonlySet<string> = new Set(['default', 'communications']);
