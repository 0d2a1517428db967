import type { Room } from '../../src/index';

/** Somebody's tile as a page shows it. */
export interface TileState {
  readonly id: string;
  readonly name: string;
  readonly microphone: boolean;
  readonly handRaised: boolean;
  /** Frames presented so far of whoever's tile it is; `null` while there is a figure in place of a picture. */
  readonly frames: number | null;
  /** The connection, or the page, takes no picture for now. */
  readonly isPaused: boolean;
}

/** What one page was told and shows. */
export interface Chronicle {
  /** By which the others know this page; `undefined` outside a room. */
  id(): string | undefined;
  /** What the room told since this was asked last, such as `ann left` by ids. */
  events(): string[];
  tiles(): TileState[];
  /** How often a picture was covered though its owner's camera went on, since this was asked last. */
  covered(): number;
}

declare global {
  interface Window {
    chronicle: Chronicle;
  }
}

/** Runs in the page before its own scripts: serialised as a whole, so it uses nothing from outside itself. */
export function keepChronicle(): void {
  type Device = 'microphoneEnabled' | 'cameraEnabled' | 'handRaised';
  const words: Record<Device, string> = {
    microphoneEnabled: 'microphone',
    cameraEnabled: 'camera',
    handRaised: 'hand',
  };
  let events: string[] = [];
  let covered = 0;

  const follow = (room: Room): void => {
    const known = new Map<string, Record<Device, boolean>>();
    const look = ({ microphoneEnabled, cameraEnabled, handRaised }: Record<Device, boolean>) => ({
      microphoneEnabled,
      cameraEnabled,
      handRaised,
    });
    room.on('participantJoined', (participant) => {
      known.set(participant.id, look(participant));
      events.push(`${participant.id} joined`);
    });
    room.on('participantLeft', ({ id }) => {
      known.delete(id);
      if (room.state !== 'disconnected') events.push(`${id} left`);
    });
    room.on('participantUpdated', (participant) => {
      const { id } = participant;
      const before = known.get(id);
      const now = look(participant);
      known.set(id, now);
      for (const device of Object.keys(words) as Device[]) {
        if (before?.[device] === now[device]) continue;
        events.push(`${id} ${words[device]} ${now[device] ? 'on' : 'off'}`);
      }
    });
    room.on('chatMessage', (participant, text) => {
      if (!participant.isLocal) events.push(`${participant.id} wrote ${text}`);
    });
    room.on('reaction', (participant, reaction) => {
      if (!participant.isLocal) events.push(`${participant.id} showed ${reaction}`);
    });
  };

  // A room's first events come before anything outside could ask for them.
  const define = customElements.define.bind(customElements);
  customElements.define = (name, type, options) => {
    if (name === 'quiet-room') {
      const element = type.prototype as { createRoom: (options: object) => Room };
      const create = element.createRoom;
      element.createRoom = function (this: object, of: object): Room {
        const room = create.call(this as typeof element, of);
        events = [];
        follow(room);
        return room;
      };
    }
    define(name, type, options);
  };

  type Tile = HTMLElement & {
    label: string;
    camera: boolean;
    microphone: boolean;
    handRaised: boolean;
    hasPicture: boolean;
    pause: string | undefined;
  };
  const element = (): HTMLElementTagNameMap['quiet-room'] | null =>
    document.querySelector('quiet-room');
  const tiles = (): Tile[] => [
    ...(element()?.shadowRoot?.querySelectorAll<Tile>('quiet-room-tile[data-participant]') ?? []),
  ];

  const watched = new WeakSet<Tile>();
  setInterval(() => {
    for (const tile of tiles()) {
      if (watched.has(tile)) continue;
      watched.add(tile);
      let had = tile.hasPicture;
      new MutationObserver(() => {
        const isShown = (): boolean => tile.camera && tile.pause === undefined && tile.isConnected;
        if (had && !tile.hasPicture && isShown()) {
          // Who leaves has no picture just before the tile goes.
          setTimeout(() => {
            if (isShown()) covered += 1;
          }, 300);
        }
        had = tile.hasPicture;
      }).observe(tile, { attributeFilter: ['has-picture'] });
    }
  }, 50);

  window.chronicle = {
    id: () => {
      const room = element()?.room;
      return room?.state === 'connected' ? room.localParticipant.id : undefined;
    },
    events: () => events.splice(0),
    tiles: () =>
      tiles().map((tile) => {
        const video = tile.shadowRoot?.querySelector('video');
        const id = tile.dataset['participant'] ?? '';
        const participant = element()?.room?.participants.find((one) => one.id === id);
        const track = participant?.videoTrack?.mediaStreamTrack;
        const { srcObject } = video ?? {};
        const isTheirs =
          track !== undefined &&
          srcObject instanceof MediaStream &&
          srcObject.getTracks().includes(track);
        const frames = video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
        return {
          id,
          name: tile.label,
          microphone: tile.microphone,
          handRaised: tile.handRaised,
          frames: tile.hasPicture && isTheirs ? frames : null,
          isPaused: tile.pause !== undefined || document.hidden,
        };
      }),
    covered: () => {
      const count = covered;
      covered = 0;
      return count;
    },
  };
}
