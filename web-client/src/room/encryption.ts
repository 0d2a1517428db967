import { GroupChannel } from '../e2ee/group-channel';
import { createCredential, isSamePerson, type ParticipantName } from '../e2ee/credential';
import type { Entrance, GroupEpoch } from '../e2ee/messages';
import { Transforms, type TransformWorker } from '../e2ee/transforms';
import { MAX_NAME_LENGTH } from '../e2ee/worker/mls/application';
import type { DoorClientMessage, DoorServerMessage } from '../e2ee/worker/door';
import type { GroupClientMessage, GroupServerMessage } from '../e2ee/worker/mls/session-messages';
import { QuietroomError } from '../error';
import { Emitter } from '../events';
import type { JoinProof } from '../signaling/protocol/JoinProof';
import type { Role } from '../signaling/protocol/Role';
import type { Tell } from './events';
import { Membership } from './membership';
import { shownName } from './name';
import type { EmergencyInformation, LocalParticipant } from './participant';
import type { Warning } from './protection';
import type { Roster } from './roster';

interface EncryptionEvents {
  /** To be sent to the server as it is. */
  send: [message: GroupClientMessage | DoorClientMessage];
  /** Somebody who waits to be let in is called so, by its own word. */
  caller: [participantId: string, name: string, isReachable: boolean];
  /** Somebody who may let us in says this. */
  note: [from: string, text: string];
  /** The group has other members, or the first. */
  changed: [epoch: GroupEpoch];
  /** Somebody is in the group who can decrypt no picture that began before. */
  newcomers: [];
  /** Nothing can be encrypted any more. */
  failed: [error: QuietroomError];
}

/** What is known of a stay to the group. */
export interface EncryptionContext {
  readonly local: LocalParticipant;
  readonly roster: Roster;
  readonly tell: Tell;
}

/** A stay's worker and its part in the group that encrypts the session. */
export class Encryption extends Emitter<EncryptionEvents> {
  readonly transforms: Transforms;
  readonly #channel: GroupChannel;
  readonly #context: EncryptionContext;
  /** The token is of use only with our key. */
  readonly #isBound: boolean;
  readonly #start: ReturnType<typeof setTimeout>;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #membership: Membership | undefined;
  #emergency: EmergencyInformation | undefined;
  #name: ParticipantName = { participantId: '', participantSalt: '' };
  #token = '';
  /** What the token names. */
  #tokenRoom = '';

  constructor(
    worker: TransformWorker,
    transformInterface: ConstructorParameters<typeof Transforms>[1],
    isBound: boolean,
    context: EncryptionContext,
  ) {
    super();
    this.#isBound = isBound;
    this.#context = context;
    this.transforms = new Transforms(worker, transformInterface, isBound);
    this.#channel = new GroupChannel(worker);
    const fail = (error: QuietroomError): void => {
      this.emit('failed', error);
    };
    this.transforms.on('failed', fail);
    this.#channel.on('failed', fail);
    this.#channel.on('send', (message) => {
      this.emit('send', message);
    });
    this.#channel.on('caller', (participantId, name, isReachable) => {
      this.emit('caller', participantId, shownName(name), isReachable);
    });
    this.#channel.on('note', (from, text) => {
      this.emit('note', shownName(from), text);
    });
    this.#start = setTimeout(() => {
      fail(new QuietroomError('encryption-failed', 'the worker did not start'));
    }, WORKER_TIMEOUT);
    const stop = (): void => {
      clearTimeout(this.#start);
    };
    this.transforms.ready.then(stop, stop);
  }

  /** By which the group knows us. */
  get participantId(): string {
    return this.#name.participantId;
  }

  /** What `join` says of that id. */
  get participantName(): ParticipantName {
    return this.#name;
  }

  get membership(): Membership | undefined {
    return this.#membership;
  }

  /** The group as it is now; absent until this client is in it. */
  get epoch(): GroupEpoch | undefined {
    return this.#membership?.epoch;
  }

  get warnings(): readonly Warning[] {
    return this.#membership?.warnings ?? [];
  }

  /** Whether to be let in takes {@link Encryption.prove}. */
  get isBound(): boolean {
    return this.#isBound;
  }

  /** What was told by {@link Encryption.setEmergencyInformation}. */
  get emergencyInformation(): EmergencyInformation | undefined {
    return this.#emergency;
  }

  /**
   * Takes part as `token` says, once; resolves with the key package for the
   * server. Throws when the token cannot be read.
   */
  open(token: string, wantedName: string): Promise<string> {
    const { credential, name: participantName } = createCredential(token);
    const name = wantedName.trim().slice(0, MAX_NAME_LENGTH);
    const { participantId } = credential;
    this.#token = token;
    this.#name = participantName;
    this.#tokenRoom = credential.room;
    const { local, roster } = this.#context;
    const own = { participantId, name };
    const membership = new Membership(this.#channel, this.transforms, roster, own);
    this.#membership = membership;
    local.handleProfile(name, false);
    this.#listen(membership);
    return this.#channel.open(credential, name);
  }

  /**
   * Goes on with another token, for the same key. Throws `token-unavailable`
   * when it says something else of us than the group was told.
   */
  renew(token: string): void {
    if (!isSamePerson(token, this.#token)) {
      throw new QuietroomError('token-unavailable', 'the new token is for somebody else');
    }
    this.#token = token;
  }

  /** The token to come in with. */
  get token(): string {
    return this.#token;
  }

  /** That the token is ours; `nonce` is the server's. */
  prove(nonce: string): Promise<JoinProof> {
    return this.#channel.prove(nonce, this.#tokenRoom, this.#token);
  }

  /** What to join again with, when the server may have forgotten us. */
  rejoin(): Promise<Entrance> {
    return this.#channel.rejoin();
  }

  /** From now on the group has so long to take us in, if it has not. */
  awaitGroup(): void {
    if (this.epoch !== undefined) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      const detail = 'the group did not take us in';
      this.emit('failed', new QuietroomError('encryption-failed', detail));
    }, GROUP_TIMEOUT);
  }

  /** Without a connection to the server nothing is to be expected of the group. */
  awaitNothing(): void {
    clearTimeout(this.#deadline);
  }

  handleServerMessage(message: GroupServerMessage): void {
    this.#channel.handleServerMessage(message);
  }

  /** Tells the group who is here by the server's word. */
  announceConnected(): void {
    const { present } = this.#context.roster;
    this.#channel.setConnected(present.map(({ id }) => id));
    this.#channel.setLeaders(present.filter(({ role }) => leads(role)).map(({ id }) => id));
  }

  /** This client may let people in. */
  openDoor(): void {
    this.#channel.openDoor();
  }

  /** What is said at the door, of which names and notes are sealed. */
  handleDoorMessage(message: DoorServerMessage): void {
    this.#channel.handleDoorMessage(message);
  }

  /** Tells somebody who waits to be let in. */
  tellWaiting(participantId: string, text: string): void {
    this.#channel.tellWaiting(participantId, this.#context.local.name, text);
  }

  /** Tells those who lead the session. Throws `encryption-pending` before the join, or a `RangeError`. */
  setEmergencyInformation({ place, contact }: EmergencyInformation): void {
    if (this.#membership === undefined) throw new QuietroomError('encryption-pending');
    this.#membership.tell({ type: 'emergency', place, contact });
    this.#emergency = { place, contact };
  }

  close(): void {
    clearTimeout(this.#start);
    clearTimeout(this.#deadline);
    this.transforms.close();
    this.#membership?.close();
    this.#channel.close();
  }

  #listen(membership: Membership): void {
    const { local, tell } = this.#context;
    membership.on('changed', (epoch) => {
      clearTimeout(this.#deadline);
      this.emit('changed', epoch);
      tell('groupChanged', epoch);
    });
    membership.on('lost', () => {
      this.awaitGroup();
      tell('groupLost');
    });
    membership.on('newcomers', () => {
      this.emit('newcomers');
    });
    membership.on('emergency', (participant, information) => {
      if (!leads(local.role)) return;
      participant.handleEmergency(information);
      tell('participantUpdated', participant);
    });
    membership.on('chat', (participant, text) => {
      tell('chatMessage', participant, text);
    });
    membership.on('reaction', (participant, reaction) => {
      tell('reaction', participant, reaction);
    });
    membership.on('warningsChanged', () => {
      tell('warningsChanged', membership.warnings);
    });
    membership.on('error', (error) => {
      tell('error', error);
    });
  }
}

/** Whether this one is told of emergencies. */
function leads(role: Role | undefined): boolean {
  return role === 'host' || role === 'co-host';
}

/** From the server's word that we are in until the group says so too, in ms. */
const GROUP_TIMEOUT = 20_000;

/** Until the encryption worker has loaded, in ms. */
const WORKER_TIMEOUT = 10_000;
