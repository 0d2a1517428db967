import { QuietroomError } from '../error';
import { Emitter } from '../events';
import type { JoinProof } from '../signaling/protocol/JoinProof';
import type { Entrance, GroupEpoch, Occupant, WorkerReport, WorkerRequest } from './messages';
import type { TransformWorker } from './transforms';
import { encodeApplicationMessage, type PersonMessage } from './worker/mls/application';
import type { DoorClientMessage, DoorServerMessage } from './worker/door';
import type { Credential } from './worker/mls/credential';
import type { GroupClientMessage, GroupServerMessage } from './worker/mls/session-messages';

interface GroupChannelEvents {
  /** To be sent to the server as it is. */
  send: [message: GroupClientMessage | DoorClientMessage];
  /** Somebody who waits to be let in is called so, by its own word. */
  caller: [participantId: string, name: string, isReachable: boolean];
  /** Somebody who may let us in says this. */
  note: [from: string, text: string];
  epoch: [epoch: GroupEpoch];
  /** `key` is the public signature key of whoever says it. */
  told: [participantId: string, key: string, message: PersonMessage];
  /** This client is in the group no more, and may be in another later. */
  lost: [];
  failed: [error: QuietroomError];
}

/** The page's end of the group session, whose secrets stay in the worker. */
export class GroupChannel extends Emitter<GroupChannelEvents> {
  readonly #worker: TransformWorker;
  #isOpen = false;
  #entered: ((entrance: Entrance) => void) | undefined;
  #proven: ((proof: JoinProof) => void) | undefined;
  #opened: ((keyPackage: string) => void) | undefined;

  constructor(worker: TransformWorker) {
    super();
    this.#worker = worker;
    this.#worker.addEventListener('message', this.#handleReport);
  }

  /**
   * Takes part as `credential` says, once; resolves with the key package for
   * the `join` message. `name` is for those at whose door we wait.
   */
  open(credential: Credential, name: string): Promise<string> {
    return new Promise((resolve) => {
      this.#opened = resolve;
      this.#request({ type: 'open-group', credential, name });
    });
  }

  /**
   * That whoever sends `token`, which names `room`, has the key that the worker
   * made; `nonce` is the server's.
   */
  prove(nonce: string, room: string, token: string): Promise<JoinProof> {
    return new Promise((resolve) => {
      this.#proven = resolve;
      this.#request({ type: 'prove-join', purpose: 'join', nonce, room, token });
    });
  }

  /** What to join again with, when the server may have forgotten us. */
  rejoin(): Promise<Entrance> {
    return new Promise((resolve) => {
      this.#entered = resolve;
      this.#request({ type: 'rejoin-group' });
    });
  }

  /** Who is in the room by the server's word. */
  setConnected(participantIds: readonly string[]): void {
    this.#request({ type: 'connected', participantIds });
  }

  /** Who leads the session by the server's word. */
  setLeaders(participantIds: readonly string[]): void {
    this.#request({ type: 'leaders', participantIds });
  }

  /** This client may let people in. */
  openDoor(): void {
    this.#request({ type: 'open-door' });
  }

  handleDoorMessage(message: DoorServerMessage): void {
    this.#request({ type: 'door-message', message });
  }

  /** Tells somebody who waits; `from` is what we are called. */
  tellWaiting(participantId: string, from: string, text: string): void {
    this.#request({ type: 'tell-waiting', participantId, from, text });
  }

  handleServerMessage(message: GroupServerMessage): void {
    // The first one is on its way.
    if (message.type === 'mls-key-package-wanted' && !this.#isOpen) return;
    this.#request({ type: 'group-message', message });
  }

  /** Throws a `RangeError` when a text is longer than members take. */
  tell(message: PersonMessage): void {
    encodeApplicationMessage(message);
    this.#request({ type: 'tell', message });
  }

  /** Lets the frames of `occupant` through at a slot, and nobody else's. */
  occupy(slot: number, occupant: Occupant | undefined): void {
    this.#request({ type: 'occupy', slot, occupant });
  }

  close(): void {
    this.#worker.removeEventListener('message', this.#handleReport);
  }

  readonly #handleReport = (event: MessageEvent<WorkerReport>): void => {
    const report = event.data;
    switch (report.type) {
      case 'key-package':
        this.#isOpen = true;
        this.#opened?.(report.keyPackage);
        break;
      case 'join-proof':
        this.#proven?.(report.proof);
        break;
      case 'entrance':
        this.#entered?.(report.entrance);
        break;
      case 'group-send':
        this.emit('send', report.message);
        break;
      case 'caller':
        this.emit('caller', report.participantId, report.name, report.isReachable);
        break;
      case 'note':
        this.emit('note', report.from, report.text);
        break;
      case 'epoch':
        this.emit('epoch', report);
        break;
      case 'group-lost':
        this.emit('lost');
        break;
      case 'told':
        this.emit('told', report.participantId, report.key, report.message);
        break;
      case 'group-failed':
        this.emit('failed', new QuietroomError('encryption-failed', report.reason));
        break;
      // Nothing came of it: it was late, or the server lied.
      case 'group-refused':
      case 'identity':
      case 'ready':
      case 'transform-ready':
      case 'transform-failed':
      case 'sender':
      case 'undecryptable':
      case 'unsent':
      case 'frame-counts':
      case 'time':
        break;
    }
  };

  #request(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }
}
