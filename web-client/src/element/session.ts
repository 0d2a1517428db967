import type { GroupMember } from '../e2ee/messages';
import { Emitter } from '../events';
import type { AudioPlayback } from '../media/autoplay';
import type { DeviceSource } from '../media/devices';
import type { Participant, RemoteParticipant } from '../room/participant';
import type { Room } from '../room/room';
import { TalkTime } from '../room/talk-time';
import type { Panel } from './controls';
import { Comings, type ComingsAndGoings } from './comings';
import { Conversation } from './conversation';
import { listed } from '../i18n/formats';
import type { Messages } from '../i18n/messages';
import { Gathering } from './gathering';
import { participantName } from './names';
import { Notices } from './notices';
import { OwnQuality } from './own-quality';
import { PauseNotices } from './pause-notices';
import type { Comparison } from './people';
import { Prompts } from './prompts';
import { Reactions } from './reactions';
import { Reconnections } from './reconnections';
import { promptByRules } from './session-prompts';
import type { SessionTime } from './session-time';

interface SessionEvents {
  /** Something that is shown is another one. */
  changed: [];
  /** There is a text to accept first. */
  consentRequired: [];
}

/** What can be open above the buttons. */
export type Popup = 'reactions' | 'more';

/** What only the element can do. */
export interface SessionActions {
  readonly openPanel: (panel: Panel) => void;
  readonly turnOn: (source: DeviceSource) => void;
}

/** A line for a screen reader. */
export interface Announcement {
  readonly id: number;
  readonly text: string;
}

/**
 * What is shown and said of one stay after the other, beyond what its room
 * knows. What the person chose to see, with whom the safety code was compared,
 * and who spoke for how long, outlives a stay.
 */
export class Session extends Emitter<SessionEvents> {
  messages: Messages;
  readonly playback: AudioPlayback;
  readonly notices = new Notices();
  readonly conversation = new Conversation();
  readonly reactions = new Reactions();
  readonly prompts = new Prompts();
  readonly ownQuality = new OwnQuality();
  readonly time: SessionTime;
  /** Outlives a stay; another session begins with another one's nothing. */
  readonly talkTime = new TalkTime();
  readonly #actions: SessionActions;
  readonly #pauses = new PauseNotices();
  readonly #comings = new Comings((news) => {
    this.#tellComings(news);
  });
  readonly #reactionNews = new Gathering<string>((showers, reactions) => {
    this.#announce(this.messages.reacted(...this.#named(showers), reactions.join(' ')));
    this.#update();
  });
  readonly #handNews = new Gathering<'raised'>((raisers) => {
    const { participants = [] } = this.#room ?? {};
    const raised = raisers.filter((one) => one.handRaised && participants.includes(one));
    if (raised.length > 0) this.#announce(this.messages.raisedHand(...this.#named(raised)));
    this.#update();
  });
  readonly #reconnections = new Reconnections();
  /** Keys of those with whom the safety code was compared. */
  readonly #compared = new Set<string>();
  /** Whose hands are known to be up, by id, the first to rise first. */
  readonly #raisedHands = new Set<string>();
  /** When those came who were not here before, by id, as `Date.now()` has it. */
  readonly #arrivals = new Map<string, number>();
  #room: Room | undefined;
  #announcements: readonly Announcement[] = [];
  #nextAnnouncement = 1;
  #pinned: string | undefined;
  #panel: Panel | undefined;
  #popup: Popup | undefined;
  #isPreparing = false;
  #isSpeakerView = false;
  #isSelfHidden = false;
  /** Who of the others spoke last, by id. */
  #lastSpeaker: string | undefined;

  constructor(
    playback: AudioPlayback,
    messages: Messages,
    time: SessionTime,
    actions: SessionActions,
  ) {
    super();
    this.playback = playback;
    this.time = time;
    this.messages = messages;
    this.#actions = actions;
    playback.on('blockedChanged', (isBlocked) => {
      // Who does not see the button would hear silence.
      if (isBlocked) this.#announce(this.messages.tapToHear);
      this.#update();
    });
    this.notices.on('changed', this.#update);
    this.reactions.on('changed', this.#update);
    this.prompts.on('changed', this.#update);
    this.ownQuality.on('changed', this.#update);
    this.#pauses.on('changed', (somePaused) => {
      this.#announce(somePaused ? this.messages.somePaused : this.messages.nonePaused);
      this.#update();
    });
    this.#reconnections.on('changed', (away, back) => {
      if (away.length > 0) this.#announce(this.messages.connectionGone(...this.#named(away)));
      if (back.length > 0) this.#announce(this.messages.connectionBack(...this.#named(back)));
      this.#update();
    });
  }

  /** The present or last stay. */
  get room(): Room | undefined {
    return this.#room;
  }

  /** What a screen reader says next; nobody sees it. */
  get announcements(): readonly Announcement[] {
    return this.#announcements;
  }

  /** The id of whoever is to be seen before others. */
  get pinned(): string | undefined {
    return this.#pinned;
  }

  /** What is open beside the pictures. */
  get panel(): Panel | undefined {
    return this.#panel;
  }

  /** What is open above the buttons. */
  get popup(): Popup | undefined {
    return this.#popup;
  }

  /** Whether the person is still to say that they want to come in. */
  get isPreparing(): boolean {
    return this.#isPreparing;
  }

  /** Whether one person is shown large, whoever that is just now. */
  get isSpeakerView(): boolean {
    return this.#isSpeakerView;
  }

  /** Whether the person does not want to see their own picture. */
  get isSelfHidden(): boolean {
    return this.#isSelfHidden;
  }

  /** Whom to show large: whoever is pinned, or in the speaker's view speaks or spoke last. */
  get featured(): RemoteParticipant | undefined {
    const { participants = [] } = this.#room ?? {};
    const find = (id: string | undefined): RemoteParticipant | undefined =>
      id === undefined ? undefined : participants.find((one) => one.id === id);
    const pinned = find(this.#pinned);
    if (pinned !== undefined || !this.#isSpeakerView) return pinned;
    return this.speaker;
  }

  /** Who of the others speaks, spoke last, or came first. */
  get speaker(): RemoteParticipant | undefined {
    const { participants = [] } = this.#room ?? {};
    return participants.find(({ id }) => id === this.#lastSpeaker) ?? participants[0];
  }

  /** Follows `room` from before it is joined; `isPreparing` as {@link Session.isPreparing}. */
  begin(room: Room, isPreparing: boolean): void {
    this.#room = room;
    this.#isPreparing = isPreparing;
    this.#listen(room);
    this.#listenToRules(room);
    this.#update();
  }

  /** The person wants to come in. */
  handlePrepared(): void {
    this.#isPreparing = false;
    this.#update();
  }

  /** Leaves the room, if there is one, and forgets it. */
  end(): void {
    this.#room?.leave();
    this.#room = undefined;
    this.time.handleRemoved();
    this.notices.clear();
    this.playback.clear();
    this.conversation.clear();
    this.reactions.clear();
    this.#reactionNews.clear();
    this.#handNews.clear();
    this.prompts.clear();
    this.ownQuality.clear();
    this.#pauses.clear();
    this.#comings.clear();
    this.#reconnections.clear();
    this.#raisedHands.clear();
    this.#arrivals.clear();
    this.#announcements = [];
    this.#pinned = undefined;
    this.#popup = undefined;
    this.#isPreparing = false;
    this.#lastSpeaker = undefined;
    this.#update();
  }

  /** Another person may come, to whom the last one's choices and comparisons do not belong. */
  forgetPerson(): void {
    this.time.handleAnother();
    this.#compared.clear();
    this.#isSpeakerView = false;
    this.#isSelfHidden = false;
    this.setPanel(undefined);
  }

  /** Has somebody be seen before others, or no longer; it is one at most. */
  togglePin(participantId: string): void {
    this.#pinned = this.#pinned === participantId ? undefined : participantId;
    this.#applyPin();
    this.#update();
  }

  setPanel(panel: Panel | undefined): void {
    this.#panel = panel;
    if (panel === 'people') this.prompts.dismiss('waiting');
    this.conversation.setOpen(panel === 'chat');
    this.#update();
  }

  setPopup(popup: Popup | undefined): void {
    this.#popup = popup;
    this.#update();
  }

  toggleView(): void {
    this.#isSpeakerView = !this.#isSpeakerView;
    this.#update();
  }

  toggleSelf(): void {
    this.#isSelfHidden = !this.#isSelfHidden;
    this.#update();
  }

  setCompared({ key, isCompared }: Comparison): void {
    if (isCompared) this.#compared.add(key);
    else this.#compared.delete(key);
    this.#update();
  }

  isCompared(member: GroupMember | undefined): boolean {
    return member !== undefined && this.#compared.has(member.key);
  }

  /**
   * Whose turn it is, from 1, of those whose hands are up; absent for whose hand
   * is not. Here they are in the order in which this client saw them.
   */
  handPlace(participant: Participant): number | undefined {
    const place = [...this.#raisedHands].indexOf(handKey(participant));
    return place < 0 ? undefined : place + 1;
  }

  /** How many others are here: whoever can read the session, shown by the server or not. */
  get presence(): string {
    const { participants = [], warnings = [] } = this.#room ?? {};
    const hidden = warnings.filter(({ kind }) => kind === 'hidden-member');
    const count = participants.length + hidden.length;
    return count === 0 ? this.messages.alone : this.messages.others(count);
  }

  /** Whether somebody's connection is gone, and not just for a moment. */
  isAway(participant: RemoteParticipant): boolean {
    return this.#reconnections.isAway(participant);
  }

  /** How many hands are up. */
  get raisedHands(): number {
    return this.#raisedHands.size;
  }

  /** What to call somebody. */
  nameOf(participant: RemoteParticipant): string {
    const { participants = [], localParticipant } = this.#room ?? {};
    return participantName(participant, participants, localParticipant?.name ?? '', this.messages);
  }

  /** As {@link Session.nameOf}, also for somebody who is gone. */
  nameOfId(participantId: string): string {
    const participant = this.#room?.participants.find(({ id }) => id === participantId);
    return participant === undefined
      ? this.messages.participant('host', undefined)
      : this.nameOf(participant);
  }

  /** What this client, by its own name or none, is called. */
  get localName(): string {
    const name = this.#room?.localParticipant.name ?? '';
    return name === '' ? this.messages.you : this.messages.youNamed(name);
  }

  readonly #update = (): void => {
    this.emit('changed');
  };

  #applyPin(): void {
    for (const { id, videoTrack } of this.#room?.participants ?? []) {
      videoTrack?.setPinned(id === this.#pinned);
    }
  }

  #updatePauses({ audioOnly, participants }: Room): void {
    // That nothing comes at all is said in one place.
    if (audioOnly === undefined) this.#pauses.update(participants);
    else this.#pauses.clear();
  }

  #listen(room: Room): void {
    const update = this.#update;
    room.on('participantJoined', (participant) => {
      // Those who were there before are not news.
      if (room.state === 'connected') {
        this.#comings.handleJoined(participant);
        this.#arrivals.set(participant.id, Date.now());
      }
      this.#reconnections.update(room.participants);
      update();
    });
    room.on('participantUpdated', (participant) => {
      this.#noteHand(participant);
      this.#reconnections.update(room.participants);
      update();
    });
    room.on('participantLeft', (participant) => {
      const { id } = participant;
      if (room.state === 'connected') this.#comings.handleLeft(participant);
      this.#raisedHands.delete(id);
      this.#arrivals.delete(id);
      if (this.#pinned === id) this.#pinned = undefined;
      this.#updatePauses(room);
      this.#reconnections.update(room.participants);
      update();
    });
    room.on('speakersChanged', (speakers) => {
      this.#lastSpeaker =
        speakers.find((one): one is RemoteParticipant => !one.isLocal)?.id ?? this.#lastSpeaker;
      update();
    });
    room.on('qualityChanged', ({ isLocal, quality }) => {
      if (isLocal) this.ownQuality.update(quality);
      update();
    });
    room.on('pathChanged', update);
    room.on('pausedChanged', () => {
      this.#updatePauses(room);
    });
    room.on('audioOnlyChanged', () => {
      this.#updatePauses(room);
      update();
    });
    room.on('chatMessage', (participant, text) => {
      this.#noteChat(participant, text);
      update();
    });
    room.on('reaction', (participant, reaction) => {
      const isShown = this.reactions.show(participant.isLocal ? LOCAL : participant.id, reaction);
      if (isShown && !participant.isLocal) this.#reactionNews.note(participant, reaction);
      update();
    });
    room.on('localParticipantUpdated', (participant) => {
      this.#noteHand(participant);
      update();
    });
    room.on('stateChanged', (state) => {
      if (state === 'connected') this.#announce(this.presence);
      // What was measured of a connection that is gone is not of the next one.
      if (state === 'reconnecting') this.ownQuality.clear();
      else this.ownQuality.update(room.localParticipant.quality);
      update();
    });
    room.on('groupChanged', update);
    room.on('groupLost', update);
    room.on('rejoiningChanged', update);
    room.on('trackSubscribed', (track, participant) => {
      if (track.kind === 'audio') this.playback.add(track);
      if (track.source === 'camera') this.#applyPin();
      if (track.source === 'screen') {
        this.#announce(this.messages.screenOf(this.nameOf(participant)));
      }
      update();
    });
    room.on('trackUnsubscribed', (track) => {
      if (track.kind === 'audio') this.playback.remove(track);
      update();
    });
    room.on('error', (error) => {
      if (room.error !== error) this.notices.note(error);
      update();
    });
    room.on('warningsChanged', update);
  }

  #listenToRules(room: Room): void {
    const { rules } = room;
    rules.on('consentRequired', () => {
      this.#update();
      this.emit('consentRequired');
    });
    rules.on('waiting', this.#update);
    rules.on('noted', this.#update);
    rules.on('permissionsChanged', this.#update);
    rules.on('lockedChanged', this.#update);
    rules.on('waitingListChanged', this.#update);
    promptByRules(room, this.prompts, {
      messages: () => this.messages,
      nameOf: (id) => this.nameOfId(id),
      showPeople: () => {
        this.#actions.openPanel('people');
      },
      arePeopleShown: () => this.#panel === 'people',
      turnOn: this.#actions.turnOn,
    });
  }

  #noteChat(participant: Participant, text: string): void {
    const isOwn = participant.isLocal;
    const writer = isOwn ? this.messages.you : this.nameOf(participant);
    this.conversation.add({ writer, isOwn, text, at: Date.now() });
    // An open chat is a live region of its own.
    if (!isOwn && this.#panel !== 'chat') this.#announce(this.messages.wrote(writer, text));
  }

  #noteHand(participant: Participant): void {
    const key = handKey(participant);
    if (!participant.handRaised) {
      this.#raisedHands.delete(key);
    } else if (!this.#raisedHands.has(key)) {
      this.#raisedHands.add(key);
      if (participant.isLocal) return;
      this.#handNews.note(participant, 'raised');
    }
  }

  #tellComings({ came, went, lost }: ComingsAndGoings): void {
    const { messages } = this;
    const missing = lost.filter((one) => !this.#isBack(one));
    this.#reconnections.forget([...went, ...lost]);
    // Who came again by another stay is here at the end of what is said.
    if (missing.length > 0) this.#announce(messages.lostConnection(...this.#named(missing)));
    if (went.length > 0) this.#announce(messages.wentAway(...this.#named(went)));
    if (came.length > 0) this.#announce(messages.cameIn(...this.#named(came)));
    this.#update();
  }

  /** Whether whose connection was lost is here by another stay, as after a reload. */
  #isBack(gone: RemoteParticipant): boolean {
    const { participants = [] } = this.#room ?? {};
    const since = this.#reconnections.goneSince(gone);
    if (since === undefined || gone.name === '') return false;
    return participants.some(
      ({ id, name, role, isReconnecting }) =>
        name === gone.name &&
        role === gone.role &&
        !isReconnecting &&
        (this.#arrivals.get(id) ?? -Infinity) >= since,
    );
  }

  /** Their names in a list, and how many they are. */
  #named(people: readonly RemoteParticipant[]): [names: string, count: number] {
    const names = people.map((one) => this.nameOf(one));
    return [listed(names, this.messages.language), people.length];
  }

  #announce(text: string): void {
    const announcement = { id: this.#nextAnnouncement++, text };
    this.#announcements = [...this.#announcements, announcement].slice(-MAX_ANNOUNCEMENTS);
  }
}

function handKey(participant: Participant): string {
  return participant.isLocal ? LOCAL : participant.id;
}

/** Stands for this client where a participant's id is asked for. */
export const LOCAL = '';

/** The older ones have been said. */
const MAX_ANNOUNCEMENTS = 5;
