import { vi } from 'vitest';
import type { PersonMessage } from '../e2ee/worker/mls/application';
import { FakeEnvironment, OWN_ID, stubGlobals } from '../room/fake-environment';
import type { RoomOptions } from '../room/options';
import { Room } from '../room/room';
import type { Participant } from '../signaling/protocol/Participant';
import type { Permission } from '../signaling/protocol/Permission';
import type { Resumption } from '../signaling/protocol/Resumption';
import type { Role } from '../signaling/protocol/Role';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import type { NetworkTest, NetworkTestOptions } from '../transport/network-test';
import { QuietRoomElement } from './quiet-room';

/** The element without devices, server and worker. */
export class FakeElement extends QuietRoomElement {
  readonly stays: { environment: FakeEnvironment; options: RoomOptions }[] = [];
  prepare: (environment: FakeEnvironment) => void = () => undefined;

  readonly networkTests: NetworkTestOptions[] = [];

  override testNetwork(options: NetworkTestOptions): Promise<NetworkTest> {
    this.networkTests.push(options);
    return new Promise(() => undefined);
  }

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

  /**
   * Comes in, begun already, to `others`, who are in the group with their ids
   * for keys. Without `resume` the stay ends with its socket.
   */
  async enter(
    role: Role,
    permissions: readonly Permission[],
    others: readonly Participant[],
    resume?: Resumption,
  ): Promise<void> {
    await this.say({
      type: 'joined',
      participantId: OWN_ID,
      role,
      participants: [...others],
      slots: others.length,
      screenSlots: 1,
      iceServers: [],
      permissions: [...permissions],
      locked: false,
      ...(resume !== undefined && { resume }),
    });
    await this.say({ type: 'answer', sdp: 'answer' });
    this.environment.startTransforms();
    this.environment.connection.become('connected');
    const members = [{ id: OWN_ID, role }, ...others].map(({ id, role: theirs }, leaf) => {
      return { participantId: id, leaf, room: 'room', role: theirs, key: id };
    });
    const safetyCode = '1'.repeat(30);
    this.environment.worker.report({ type: 'epoch', epoch: 1n, safetyCode, members });
    await this.rendered();
  }

  /** The server says something. */
  async say(message: ServerMessage): Promise<void> {
    this.environment.socket.say(message);
    await this.rendered();
  }

  /** One of those whose key is their id tells all something. */
  async tell(participantId: string, message: PersonMessage): Promise<void> {
    this.environment.worker.report({ type: 'told', participantId, key: participantId, message });
    await this.rendered();
  }

  /** Resolves when all that was said is shown. */
  async rendered(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    await this.updateComplete;
  }

  find(selector: string): HTMLElement | null {
    return this.renderRoot.querySelector<HTMLElement>(selector);
  }

  /** What `inner` finds within the element that `selector` finds. */
  inside(selector: string, inner: string): HTMLElement[] {
    return [...(this.find(selector)?.shadowRoot?.querySelectorAll<HTMLElement>(inner) ?? [])];
  }
}
customElements.define('fake-element', FakeElement);

/** In place of what happy-dom has not; to be undone by vitest's `unstubAllGlobals` and `restoreAllMocks`. */
export function stubMedia(play: () => Promise<void> = () => Promise.resolve()): void {
  stubGlobals();
  stubFocus();
  vi.spyOn(HTMLMediaElement.prototype, 'play').mockImplementation(play);
  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    configurable: true,
    writable: true,
    value: null,
  });
}

/** happy-dom throws where the keyboard is outside of the root that is asked. */
function stubFocus(): void {
  const own = Object.getOwnPropertyDescriptor(ShadowRoot.prototype, 'activeElement');
  vi.spyOn(ShadowRoot.prototype, 'activeElement', 'get').mockImplementation(function (
    this: ShadowRoot,
  ) {
    let active = document.activeElement;
    while (active !== null && active.getRootNode() !== this) {
      const root = active.shadowRoot;
      active = root === null ? null : (own?.get?.call(root) as Element | null);
    }
    return active;
  });
}
