import { QuietroomError, type QuietroomErrorCode } from '../error';
import { setBackgroundBlur } from './background-blur';
import type { DeviceChoices, DeviceInventory } from './device-choices';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';

/** What is opened by `getUserMedia`. */
export type DeviceSource = Extract<PublicationSource, 'microphone' | 'camera'>;

/** The part of `navigator` that is used; `mediaDevices` is absent on insecure pages. */
export interface DeviceAccess {
  readonly mediaDevices?: Pick<MediaDevices, 'getUserMedia'> & DeviceInventory;
  readonly permissions?: Pick<Permissions, 'query'>;
}

type Choices = Pick<DeviceChoices, 'find' | 'remembered'> &
  Partial<Pick<DeviceChoices, 'blursBackground'>>;

type DeviceIds = Readonly<Record<DeviceSource, string | undefined>>;

/** Opens microphones and cameras, and says for each why it could not. */
export class Devices {
  readonly #access: DeviceAccess;
  readonly #choices: Choices | undefined;

  /** Opens those that `choices` names, if they are there. */
  constructor(access: DeviceAccess, choices?: Choices) {
    this.#access = access;
    this.#choices = choices;
  }

  /** Rejects with one of the `microphone-…` or `camera-…` errors. */
  async open(source: DeviceSource): Promise<MediaStreamTrack> {
    const [track] = (await this.#getUserMedia([source], source)).getTracks();
    if (track === undefined) throw new QuietroomError(`${source}-missing`);
    return track;
  }

  /**
   * Opens several with one question to the user. If that fails, each is tried
   * alone, so that a missing camera does not cost the microphone.
   */
  openTogether(sources: readonly DeviceSource[]): Record<DeviceSource, Promise<MediaStreamTrack>> {
    const together = sources.length > 1 ? this.#openAll(sources) : undefined;
    const take = async (source: DeviceSource): Promise<MediaStreamTrack> => {
      if (together === undefined) return this.open(source);
      let stream: MediaStream;
      try {
        stream = await together;
      } catch (reason) {
        if (isRefusal(reason) && !(await this.isGranted(source))) {
          throw deviceError(source, reason);
        }
        return this.open(source);
      }
      const track = stream.getTracks().find(({ kind }) => kind === KINDS[source]);
      return track ?? this.open(source);
    };
    return { microphone: lazily(take, 'microphone'), camera: lazily(take, 'camera') };

    function lazily(
      open: (source: DeviceSource) => Promise<MediaStreamTrack>,
      source: DeviceSource,
    ): Promise<MediaStreamTrack> {
      const opened = sources.includes(source)
        ? open(source)
        : Promise.reject(new QuietroomError(`${source}-missing`, 'not asked for'));
      opened.catch(() => undefined);
      return opened;
    }
  }

  async #getUserMedia(
    sources: readonly DeviceSource[],
    blamed: DeviceSource,
  ): Promise<MediaStream> {
    try {
      return await this.#openAll(sources);
    } catch (reason) {
      throw deviceError(blamed, reason);
    }
  }

  async #openAll(sources: readonly DeviceSource[]): Promise<MediaStream> {
    const { mediaDevices } = this.#access;
    if (mediaDevices === undefined) {
      throw new DOMException('no mediaDevices', 'NotAllowedError');
    }
    const open = (ids: DeviceIds): Promise<MediaStream> =>
      mediaDevices.getUserMedia({
        ...(sources.includes('microphone') && {
          audio: { ...MICROPHONE_CONSTRAINTS, ...this.#wanted('microphone', ids) },
        }),
        ...(sources.includes('camera') && {
          video: { ...CAMERA_CONSTRAINTS, ...this.#wanted('camera', ids) },
        }),
      });
    return this.#prepare(await this.#openChosen(open));
  }

  async #openChosen(open: (ids: DeviceIds) => Promise<MediaStream>): Promise<MediaStream> {
    const ids = await this.#find();
    let stream: MediaStream;
    try {
      stream = await open(ids);
    } catch (reason) {
      // It went between the list and the opening: another one is better than none.
      const isGone = reason instanceof Error && reason.name === 'OverconstrainedError';
      if (!isGone || (ids.microphone ?? ids.camera) === undefined) throw reason;
      return open(NO_IDS);
    }
    return this.#correct(stream, ids, open);
  }

  /** Before anybody sees the picture. */
  async #prepare(stream: MediaStream): Promise<MediaStream> {
    if (this.#choices?.blursBackground !== true) return stream;
    for (const track of stream.getTracks()) {
      if (track.kind !== KINDS.camera) continue;
      // A camera that cannot is used as it is: the person sees what others see.
      await setBackgroundBlur(track, true).catch(() => undefined);
    }
    return stream;
  }

  /**
   * Before a device was allowed, a browser names none, and only then it shows
   * that the chosen one has another id by now. That one is opened in place of
   * the other where that puts no second question.
   */
  async #correct(
    stream: MediaStream,
    before: DeviceIds,
    open: (ids: DeviceIds) => Promise<MediaStream>,
  ): Promise<MediaStream> {
    const ids = await this.#find();
    for (const track of stream.getTracks()) {
      const source = track.kind === KINDS.microphone ? 'microphone' : 'camera';
      const id = ids[source];
      if (id === undefined || id === before[source] || id === track.getSettings().deviceId)
        continue;
      if (!(await this.isGranted(source))) continue;
      for (const one of stream.getTracks()) one.stop();
      return open(ids).catch(() => open(NO_IDS));
    }
    return stream;
  }

  async #find(): Promise<DeviceIds> {
    const [microphone, camera] = await Promise.all([
      this.#choices?.find('microphone'),
      this.#choices?.find('camera'),
    ]);
    return { microphone, camera };
  }

  #wanted(source: DeviceSource, ids: DeviceIds): MediaTrackConstraints {
    const id = ids[source];
    if (id !== undefined) return { deviceId: { exact: id } };
    // A browser that names none yet may know it all the same, and takes another one if not.
    const remembered = this.#choices?.remembered(source);
    return remembered === undefined ? {} : { deviceId: remembered };
  }

  /** Whether opening `source` alone would put no question to the user. */
  async isGranted(source: DeviceSource): Promise<boolean> {
    return (await this.#permission(source)) === 'granted';
  }

  /** Whether opening `source` would put one, as far as the browser tells. */
  async wouldAsk(source: DeviceSource): Promise<boolean | undefined> {
    const permission = await this.#permission(source);
    return permission === undefined ? undefined : permission === 'prompt';
  }

  async #permission(source: DeviceSource): Promise<PermissionState | undefined> {
    try {
      const status = await this.#access.permissions?.query({ name: source });
      return status?.state;
    } catch {
      return undefined;
    }
  }
}

/** Why a device could not be opened, by the names `getUserMedia` gives. */
export function deviceError(source: DeviceSource, reason: unknown): QuietroomError {
  const name = reason instanceof Error || reason instanceof DOMException ? reason.name : '';
  const code: QuietroomErrorCode =
    name === 'NotAllowedError' || name === 'SecurityError'
      ? `${source}-refused`
      : name === 'NotFoundError' || name === 'OverconstrainedError'
        ? `${source}-missing`
        : `${source}-busy`;
  return new QuietroomError(code, reason);
}

function isRefusal(reason: unknown): boolean {
  return deviceError('camera', reason).code === 'camera-refused';
}

const NO_IDS: DeviceIds = { microphone: undefined, camera: undefined };

const KINDS = { microphone: 'audio', camera: 'video' } as const;

const MICROPHONE_CONSTRAINTS: MediaTrackConstraints = {
  autoGainControl: true,
  echoCancellation: true,
  noiseSuppression: true,
};

const CAMERA_CONSTRAINTS: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};
