import { browserEnvironment, type Environment } from '../browser/environment';
import type { Timers } from '../browser/timers';
import type { GroupEpoch } from '../e2ee/messages';
import { QuietroomError } from '../error';
import { Emitter } from '../events';
import type { DeviceChoices } from '../media/device-choices';
import type { ScreenShareOptions } from '../media/screen-share';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { TransportPath } from '../transport/path';
import type { AudioOnlyReason, RoomEvents, RoomState, RoomTimings, Tell } from './events';
import { LocalMedia } from './local-media';
import type { Membership } from './membership';
import type { JoinOptions, RoomOptions } from './options';
import {
  LocalParticipant,
  type EmergencyInformation,
  type Participant,
  type RemoteParticipant,
} from './participant';
import { People } from './people';
import type { Warning } from './protection';
import { SessionRules } from './session-rules';
import { StatisticsReader, type RoomStatistics } from './statistics';
import { Stay } from './stay';

/** One stay in a room, from {@link Room.join} until it ends; for another stay make another one. */
export class Room extends Emitter<RoomEvents> {
  /** The participant this client is for. */
  readonly localParticipant: LocalParticipant;
  /** Waiting room, consent, lock, and what those with power may do. */
  readonly rules: SessionRules;
  /** In time while the page is in the background too. @internal */
  readonly timers: Timers;
  readonly #options: RoomOptions;
  readonly #localMedia: LocalMedia;
  readonly #people: People;
  readonly #stay: Stay;
  readonly #statistics = new StatisticsReader();

  /** Opens nothing and asks for nothing yet. */
  constructor(options: RoomOptions = {}, environment: Environment = browserEnvironment()) {
    super();
    const tell: Tell = (name, ...values) => {
      this.emit(name, ...values);
    };
    const send = (message: ClientMessage): void => {
      this.#stay.send(message);
    };
    const localMedia = new LocalMedia(environment.devices, send);
    const { microphone, camera, screen } = localMedia;
    const local = new LocalParticipant(microphone, camera, screen);
    const people = new People(local, send, tell);
    const ask = (message: ClientMessage): void => {
      this.#stay.ask(message);
    };
    const tellCallers = (participantIds: readonly string[], text: string): void => {
      this.#stay.requireConnection();
      for (const participantId of participantIds) {
        this.#stay.noteSealing();
        this.#stay.encryption?.tellWaiting(participantId, text);
      }
    };
    const rules = new SessionRules({ send, ask, tellCallers }, () => environment.now());
    this.localParticipant = local;
    this.rules = rules;
    this.timers = environment.timers;
    this.#localMedia = localMedia;
    this.#people = people;
    this.#stay = new Stay({ options, environment, local, localMedia, people, rules, tell });
    localMedia.on('changed', () => {
      this.emit('localParticipantUpdated', local);
    });
    localMedia.on('error', (error) => {
      this.emit('error', error);
    });
    localMedia.on('replaced', (source, label) => {
      this.emit('deviceReplaced', source, label);
    });
    this.#options = options;
  }

  /** Where the stay is; `stateChanged` tells of another one. */
  get state(): RoomState {
    return this.#stay.state;
  }

  /**
   * Whether the stay was lost and the server has not let this client in again.
   * Nothing that is written, shown or asked for meanwhile reaches anybody, so
   * it is refused with `not-connected`; devices and {@link Room.leave} work.
   */
  get isRejoining(): boolean {
    return this.#stay.isRejoining;
  }

  /** What ended the stay, if it was an error. */
  get error(): QuietroomError | undefined {
    return this.#stay.error;
  }

  /** How long the join took, step by step. */
  get timings(): RoomTimings {
    return this.#stay.timings;
  }

  /** The others, in the order they came. */
  get participants(): readonly RemoteParticipant[] {
    return this.#people.roster.participants;
  }

  /** Who speaks, this client among them, whoever leads first; four at most. */
  get speakers(): readonly Participant[] {
    return this.#people.speakers;
  }

  /** Which way media goes to the server; `undefined` before it does. */
  get path(): TransportPath | undefined {
    return this.#stay.media?.path;
  }

  /**
   * The members of the group that encrypts the session, by their own signed
   * word, and its safety code; absent until this client is one of them.
   */
  get group(): GroupEpoch | undefined {
    return this.#stay.encryption?.epoch;
  }

  /** What is amiss with the session's protection, for as long as it is. */
  get warnings(): readonly Warning[] {
    return this.#stay.encryption?.warnings ?? [];
  }

  /** Which microphone, camera and loudspeaker are wanted; another one is taken at once. */
  get devices(): DeviceChoices {
    return this.#localMedia.choices;
  }

  /**
   * Opens microphone and camera before the join, so that the person can see
   * and hear whether they work; nothing is sent. The join takes over what is
   * on by then. A device that cannot be opened is an `error` event. What `wanted`
   * says of a device goes before the room's options.
   */
  openDevices(wanted: Pick<RoomOptions, 'microphone' | 'camera'> = {}): void {
    if (this.state !== 'idle') return;
    const { microphone, camera } = this.#options;
    this.#localMedia.open({
      microphone: wanted.microphone ?? microphone,
      camera: wanted.camera ?? camera,
    });
  }

  /**
   * Loads the encryption worker and makes the key for {@link Room.joinBy} before
   * the person asks to come in, so that the join takes less time. What fails here
   * is tried again then. {@link Room.leave} throws it away.
   */
  prepare(): void {
    this.#stay.prepare();
  }

  /**
   * Whether {@link Room.openDevices} would have the browser ask the person, who
   * can be told so before. `undefined` where the browser does not tell.
   */
  wouldAskForDevices(): Promise<boolean | undefined> {
    return this.#localMedia.wouldAsk(this.#options);
  }

  /**
   * Enters the room that `token` names, and comes back with it where the connection
   * was lost for long: its `exp` has to cover the session. Resolves when media can flow; rejects
   * with a {@link QuietroomError}, and the stay is over, when it cannot or
   * when {@link Room.leave} came first. A device that cannot be opened is an
   * `error` event and no reason to fail.
   */
  join(token: string, options: JoinOptions = {}): Promise<void> {
    return this.#stay.join(token, options);
  }

  /**
   * As {@link Room.join}, with a token that `url` gives for a key of this stay's
   * own: what whoever else gets the token cannot use. See {@link requestToken}
   * for what is asked there. Where the token has expired by the time a lost
   * connection is found again, another one is asked for, for the same key.
   */
  joinBy(url: string | URL, options: Omit<JoinOptions, 'identity'> = {}): Promise<void> {
    return this.#stay.joinBy(url, options);
  }

  /**
   * Ends the stay at once; the others see it without delay. Idempotent. Where
   * the connection is interrupted, and what was said or asked for last is lost by
   * that, {@link Room.error} is `not-connected`.
   */
  leave(): void {
    this.#stay.leave();
  }

  /**
   * Why no picture comes at all; absent while pictures may come. What is wrong
   * with the connection passes by itself.
   */
  get audioOnly(): AudioOnlyReason | undefined {
    return this.#people.audioOnly;
  }

  /** Has no pictures come, whatever is shown, for as long as the person wants; or again as they are shown. */
  setAudioOnly(isAudioOnly: boolean): void {
    this.#people.setAudioOnly(isAudioOnly);
  }

  /**
   * Writes to all. Throws `encryption-pending`, `not-connected` where it would
   * reach nobody, or a `RangeError` above 4,000 characters; control characters,
   * which nobody types, count more.
   */
  sendChat(text: string): void {
    this.#tellAll({ type: 'chat', text });
    this.emit('chatMessage', this.localParticipant, text);
  }

  /**
   * Shows all an emoji. Throws `encryption-pending`, `not-connected`, or a
   * `RangeError` above 32 code units.
   */
  react(reaction: string): void {
    this.#tellAll({ type: 'reaction', reaction });
    this.emit('reaction', this.localParticipant, reaction);
  }

  /**
   * Raises or lowers the hand, for all to see. Throws `encryption-pending`
   * before the join, or `not-connected`.
   */
  setHandRaised(handRaised: boolean): void {
    this.#requireMembership().setProfile({ handRaised });
    this.localParticipant.handleProfile(this.localParticipant.name, handRaised);
    this.emit('localParticipantUpdated', this.localParticipant);
  }

  /**
   * Tells those who lead the session where this person is and whom to call in
   * an emergency, and whoever comes to lead it later. Up to 200 characters
   * each; throws `encryption-pending` before the join, `not-connected`, or a
   * `RangeError`.
   */
  setEmergencyInformation(information: EmergencyInformation): void {
    this.#stay.requireConnection();
    const { encryption } = this.#stay;
    if (encryption === undefined) throw new QuietroomError('encryption-pending');
    encryption.setEmergencyInformation(information);
  }

  /** What was told by {@link Room.setEmergencyInformation}. */
  get emergencyInformation(): EmergencyInformation | undefined {
    return this.#stay.encryption?.emergencyInformation;
  }

  /** Another name. Throws `encryption-pending` before the join, `not-connected`, or a `RangeError`. */
  setName(name: string): void {
    this.#requireMembership().setProfile({ name });
    this.localParticipant.handleProfile(name, this.localParticipant.handRaised);
    this.emit('localParticipantUpdated', this.localParticipant);
  }

  /** Whether this browser and this room let a screen be shared; known once the server let us in. */
  get canShareScreen(): boolean {
    return this.#localMedia.screen.isSupported && this.#people.roster.screens.slots > 0;
  }

  /**
   * Lets the person choose a screen, window or tab, and shows it to all; to be
   * called while a press is handled. Resolves when it is being sent; rejects
   * with `screen-refused`, `screen-unsupported`, `screen-failed`,
   * `not-connected`, or `screens-full` when others share as many as the room takes.
   */
  shareScreen(options: ScreenShareOptions = {}): Promise<void> {
    if (!this.#localMedia.screen.isSupported) {
      return Promise.reject(new QuietroomError('screen-unsupported'));
    }
    if (this.timings.signaled === undefined || this.group === undefined) {
      return Promise.reject(new QuietroomError('encryption-pending'));
    }
    if (this.isRejoining) return Promise.reject(new QuietroomError('not-connected'));
    const { slots, taken } = this.#people.roster.screens;
    if (taken >= slots && !this.#localMedia.screen.isSharing) {
      return Promise.reject(new QuietroomError('screens-full'));
    }
    return this.#localMedia.screen.start(options);
  }

  /** Ends the own share, as the browser's own button does. Idempotent. */
  stopScreenShare(): Promise<void> {
    return this.#localMedia.screen.stop();
  }

  /** What the browser has measured: bits per second, ms, shares of 1. All zero before there is media. */
  async statistics(): Promise<RoomStatistics> {
    const { media } = this.#stay;
    const sent = media?.sources ?? new Map<string, PublicationSource>();
    const received = new Map(
      this.#people.roster.participants.flatMap((participant) =>
        [
          participant.audioTrack,
          participant.videoTrack,
          participant.screenTrack,
          participant.screenAudioTrack,
        ].flatMap((track) => {
          if (track === undefined) return [];
          const { source, mediaStreamTrack } = track;
          return [[mediaStreamTrack.id, { source, participantId: participant.id }] as const];
        }),
      ),
    );
    const reports = (await media?.statistics()) ?? [];
    return this.#statistics.read(reports, { sent, received });
  }

  #tellAll(message: Parameters<Membership['tell']>[0]): void {
    this.#stay.requireGroup();
    this.#requireMembership().tell(message);
    this.#stay.noteSealing();
  }

  #requireMembership(): Membership {
    this.#stay.requireConnection();
    const membership = this.#stay.encryption?.membership;
    if (membership === undefined) throw new QuietroomError('encryption-pending');
    return membership;
  }
}
