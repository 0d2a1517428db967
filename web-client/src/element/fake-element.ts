import { vi } from 'vitest';
import { FakeEnvironment, stubGlobals } from '../room/fake-environment';
import type { RoomOptions } from '../room/options';
import { Room } from '../room/room';
import { QuietRoomElement } from './quiet-room';

/** The element without devices, server and worker. */
export class FakeElement extends QuietRoomElement {
  readonly stays: { environment: FakeEnvironment; options: RoomOptions }[] = [];
  prepare: (environment: FakeEnvironment) => void = () => undefined;

  override createRoom(options: RoomOptions): Room {
    const environment = new FakeEnvironment();
    this.prepare(environment);
    this.stays.push({ environment, options });
    return new Room(options, environment);
  }

  constructor() {
    super();
    this.skipGreenRoom = true;
  }

  /** Of the present stay. */
  get environment(): FakeEnvironment {
    const stay = this.stays.at(-1);
    if (stay === undefined) throw new Error('it has not begun');
    return stay.environment;
  }

  /** Begins to join with a token, up to a connection that the server takes. */
  async begin(): Promise<void> {
    this.token = 'the token';
    document.body.append(this);
    await this.rendered();
    this.environment.socket.accept();
    this.environment.startTransforms();
  }

  /** Resolves when all that was said is shown. */
  async rendered(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    await this.updateComplete;
  }

  find(selector: string): HTMLElement | null {
    return this.renderRoot.querySelector<HTMLElement>(selector);
  }
}
customElements.define('fake-element', FakeElement);

/** In place of what happy-dom has not; to be undone by vitest's `unstubAllGlobals` and `restoreAllMocks`. */
export function stubMedia(play: () => Promise<void> = () => Promise.resolve()): void {
  stubGlobals();
  vi.stubGlobal(
    'MediaStream',
    class {
      constructor(readonly tracks: unknown[]) {}
      getTracks = () => this.tracks;
    },
  );
  vi.spyOn(HTMLMediaElement.prototype, 'play').mockImplementation(play);
  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    configurable: true,
    writable: true,
    value: null,
  });
}
