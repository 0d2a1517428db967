import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { isHandheld } from '../browser/family';
import { keepScreenOn } from '../browser/wake-lock';
import { toQuietroomError, type QuietroomError } from '../error';
import { english } from '../i18n/english';
import { messagesFor } from '../i18n/languages';
import type { Messages } from '../i18n/messages';
import { AudioPlayback } from '../media/autoplay';
import type { DeviceSource } from '../media/devices';
import { MicrophoneLevel } from '../media/microphone-level';
import type { RoomOptions } from '../room/options';
import { mayRejoinAfter } from '../room/rejoin';
import { Room } from '../room/room';
import { testNetwork, type NetworkTest, type NetworkTestOptions } from '../transport/network-test';
import { attemptToSend, roomActions, type ActionContext } from './actions';
import './confirmation';
import type { ConfirmationElement } from './confirmation';
import { wantedDevices, type Panel } from './controls';
import { FocusKeeper, isFocusLost } from './focus-keeper';
import type { GreenRoomElement, JoinRequest } from './green-room';
import { layOut } from './grid';
import { watchHeadset } from './headset';
import './help-sheet';
import type { HelpSheetElement } from './help-sheet';
import { Interruption } from './interruption';
import { actOnPerson, actOnSession, type Asking } from './powers';
import { Session, type Popup } from './session';
import { SessionTime } from './session-time';
import { shortcutOf, ShortcutSetting, type Shortcut } from './shortcuts';
import { SmallWindow } from './small-window';
import { renderStage } from './stages';
import { roomStyles } from './styles/room';
import { watchTroubles } from './troubles';

/** What `<quiet-room>` tells the page. */
export interface QuietRoomEventMap {
  /** The person is in the session. */
  joined: CustomEvent<{ readonly room: Room }>;
  /** The stay is over; `error` is absent when the person left. */
  left: CustomEvent<{ readonly error: QuietroomError | undefined }>;
  /** Something does not work; the stay may go on. */
  problem: CustomEvent<{ readonly error: QuietroomError }>;
}

/**
 * `<quiet-room token-url="…">`: a whole session. In a green room the person
 * looks whether camera and microphone work; with the press of "Join" it makes a
 * key for this browser, gets a token for that key from the clinic's backend,
 * and joins. It leaves when it is taken out of the page or gets another address.
 * With `token` in place of `token-url` it joins with that one.
 *
 * `docs/element.md` has its attributes, events, slots, parts and custom properties.
 */
// Merged with the interface below, which types its events.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging
export class QuietRoomElement extends LitElement {
  static override readonly properties = {
    token: {},
    tokenUrl: { attribute: 'token-url' },
    name: {},
    url: {},
    workerUrl: { attribute: 'worker-url' },
    skipGreenRoom: { type: Boolean, attribute: 'skip-green-room' },
    panelLabel: { attribute: 'panel-label' },
    lang: {},
  };
  static override readonly styles = roomStyles;

  /** A token, in place of {@link QuietRoomElement.tokenUrl}; `null` without one. */
  declare token: string | null;
  /** Where a token is asked for with the press of "Join"; see {@link requestToken}. */
  declare tokenUrl: string | null;
  /** What the person is called; it can be changed in the green room. */
  declare name: string | null;
  /** As in {@link RoomOptions}. */
  declare url: string | null;
  /** As in {@link RoomOptions}. */
  declare workerUrl: string | null;
  /** Joins at once, with what camera and microphone give. */
  declare skipGreenRoom: boolean;
  /** What the button says that opens what is in the slot `panel`. */
  declare panelLabel: string | null;
  /** The language, such as `es`; by default that of what is around, or the browser’s. */
  declare lang: string;
  readonly #voices = document.createElement('div');
  readonly #level = new MicrophoneLevel();
  readonly #smallWindow = new SmallWindow();
  readonly #shortcuts = new ShortcutSetting();
  readonly #interruption = new Interruption(window);
  readonly #time = new SessionTime(() => [location.href, this.url, this.tokenUrl].join(' '));
  readonly #session = new Session(new AudioPlayback(this.#voices), english, this.#time, {
    openPanel: (panel) => {
      this.#openPanel(panel);
    },
    turnOn: (source) => {
      this.#set(source, true);
    },
  });
  readonly #size = new ResizeObserver(() => {
    this.#layOut();
  });
  /** The slot is there only while it is open, so the page's children are looked at. */
  readonly #children = new MutationObserver(() => {
    this.requestUpdate();
  });
  /** What the person wants on; another stay begins so. */
  #wanted: Record<DeviceSource, boolean> = ALL_ON;
  /** The stay whose devices are to be opened as soon as what is said of that is there. */
  #unopened: Room | undefined;
  #asksForDevices: boolean | undefined;
  /** What the person typed in place of what the page says. */
  #givenName: string | undefined;
  #stops: (() => void)[] = [];

  readonly #focusKeeper = new FocusKeeper(this, NEUTRAL_PLACES, { isOutermost: true });
  /** The page was left while a stay was on, which that ended. */
  #wasPutAway = false;

  readonly #actions = roomActions(this.#actionContext());

  constructor() {
    super();
    this.token = null;
    this.tokenUrl = null;
    this.name = null;
    this.url = null;
    this.workerUrl = null;
    this.skipGreenRoom = false;
    this.panelLabel = null;
    this.lang = '';
    this.#voices.hidden = true;
    const update = (): void => {
      this.requestUpdate();
    };
    this.#session.on('changed', update);
    this.#smallWindow.on('changed', update);
    this.#interruption.on('changed', update);
    this.#session.on('consentRequired', () => {
      this.#focus('#door-title');
    });
    this.addEventListener('fullscreenchange', update);
  }

  /** The present or last stay; another one after "Join again". */
  get room(): Room | undefined {
    return this.#session.room;
  }

  /** What the green room tests by; a test may give another one. @internal */
  testNetwork(options: NetworkTestOptions): Promise<NetworkTest> {
    return testNetwork(options);
  }

  /** Where rooms come from; a test may give another one. @internal */
  createRoom(options: RoomOptions): Room {
    return new Room(options);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#size.observe(this);
    this.#children.observe(this, { childList: true });
    for (const sign of SIGNS_OF_LIFE) addEventListener(sign, this.#handleActivity, PASSIVE);
    addEventListener('pagehide', this.#handlePageHide);
    addEventListener('pageshow', this.#handlePageShow);
    if (this.hasUpdated) this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#size.disconnect();
    this.#children.disconnect();
    for (const sign of SIGNS_OF_LIFE) removeEventListener(sign, this.#handleActivity, PASSIVE);
    removeEventListener('pagehide', this.#handlePageHide);
    removeEventListener('pageshow', this.#handlePageShow);
    this.#end();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('lang')) this.#session.messages = this.#chooseMessages();
    const isAnother = JOINING.some((name) => changed.has(name));
    // It may be for somebody else, whom the last one's name would be shown for.
    if (isAnother || changed.has('name')) this.#givenName = undefined;
    if (isAnother) {
      // Without a green room nobody would press anything before being seen and heard.
      if (!this.skipGreenRoom) this.#wanted = ALL_ON;
      this.#session.forgetPerson();
      this.#begin();
    }
    const { localParticipant } = this.room ?? {};
    this.#level.follow(localParticipant?.audioTrack?.mediaStreamTrack);
    this.#smallWindow.follow(this.#pictureOfSpeaker());
  }

  protected override updated(): void {
    this.#layOut();
  }

  protected override render(): TemplateResult {
    const { room } = this;
    const { messages } = this.#session;
    return html`
      <div
        class="room"
        part="room"
        lang=${messages.language}
        dir=${messages.direction}
        @keydown=${this.#handleKey}
        @pointerdown=${this.#handlePointer}
        @focus-lost=${this.#handleFocusLost}
      >
        ${
          room === undefined
            ? nothing
            : renderStage(room, this.#session, this.#actions, {
                level: this.#level,
                name: this.#givenName ?? this.name ?? '',
                unopened: this.#unopened === undefined ? undefined : this.#wanted,
                asksForDevices: this.#asksForDevices,
                interruption: this.#interruption.cause,
                ownPanel: this.#ownPanel,
                isSmallWindowOpen: SmallWindow.isSupported ? this.#smallWindow.isOpen : undefined,
                canOpenSmallWindow: this.#smallWindow.hasPicture,
                isFullScreen: canFillScreen(this) ? this.#isFullScreen : undefined,
              })
        }
        <quiet-room-confirmation .messages=${messages}></quiet-room-confirmation>
        <quiet-room-help .messages=${messages} .setting=${this.#shortcuts}></quiet-room-help>
      </div>
      ${this.#voices} ${this.#smallWindow.video}
    `;
  }

  /** Another stay, from the green room on if there is one. */
  #begin(): void {
    this.#end();
    this.#session.talkTime.clear();
    if (!this.isConnected || (isEmpty(this.tokenUrl) && isEmpty(this.token))) return;
    const room = this.#createStay(!this.skipGreenRoom);
    if (this.skipGreenRoom) {
      this.#join(room);
      return;
    }
    void this.#prepareDevices(room);
    if (isEmpty(this.tokenUrl)) return;
    // The green room is to be there first.
    const timer = setTimeout(() => {
      room.prepare();
    }, PREPARED_AFTER);
    this.#stops.push(() => {
      clearTimeout(timer);
    });
  }

  /** Opens the devices when the words about the browser's question are there. */
  async #prepareDevices(room: Room): Promise<void> {
    this.#unopened = room;
    this.#asksForDevices = undefined;
    const asks = await Promise.race([room.wouldAskForDevices(), noAnswer()]);
    if (room !== this.#unopened) return;
    this.#asksForDevices = asks;
    this.requestUpdate();
    await this.updateComplete;
    if (room === this.#unopened) this.#openDevices();
  }

  #openDevices(): void {
    this.#unopened?.openDevices(this.#wanted);
    this.#unopened = undefined;
    this.requestUpdate();
  }

  /** Another stay as the last one was. */
  #rejoin(): void {
    this.#end();
    this.#join(this.#createStay(false));
    this.#focus('.controls');
  }

  #createStay(isPreparing: boolean): Room {
    const room = this.createRoom({
      url: this.url ?? undefined,
      workerUrl: this.workerUrl ?? undefined,
      ...this.#wanted,
    });
    this.#session.messages = this.#chooseMessages();
    this.#session.begin(room, isPreparing);
    const showDevices = (): void => {
      this.#showDevices();
    };
    this.#stops.push(
      watchTroubles(room, this.#session.prompts, {
        messages: () => this.#session.messages,
        level: this.#level,
        showDevices,
        page: document,
        now: () => performance.now(),
      }),
      this.#interruption.follow(room),
      this.#followSpeaker(room),
      this.#session.talkTime.follow(room, () => performance.now()),
      // Who was muted is not to be heard at once after "Join again".
      room.rules.on('muted', (source) => {
        this.#wanted = { ...this.#wanted, [source]: false };
      }),
      this.#tellPage(room),
    );
    // Of a phone's microphones see `telephone-profile.ts`.
    if (!isHandheld(navigator)) {
      const messages = (): Messages => this.#session.messages;
      this.#stops.push(watchHeadset(room, this.#session.prompts, { messages, showDevices }));
    }
    return room;
  }

  #join(room: Room): void {
    this.#session.handlePrepared();
    this.#stops.push(keepScreenOn(navigator, document));
    const name = this.#givenName ?? this.name ?? undefined;
    const { tokenUrl, token } = this;
    const joining =
      tokenUrl === null || tokenUrl === ''
        ? room.join(token ?? '', { name })
        : room.joinBy(tokenUrl, { name });
    // What went wrong is shown by the room's state.
    joining.catch(() => undefined);
  }

  #end(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#unopened = undefined;
    this.#smallWindow.close();
    this.#session.end();
    this.#level.close();
  }

  #enter({ name, camera }: JoinRequest): void {
    const { room } = this;
    if (room === undefined || !this.#session.isPreparing) return;
    this.#givenName = name;
    if (!camera) this.#turn('camera', false);
    this.#openDevices();
    this.#join(room);
    this.#focus('.controls');
  }

  #tellPage(room: Room): () => void {
    let wasIn = false;
    const tell = <Name extends keyof QuietRoomEventMap>(
      name: Name,
      detail: QuietRoomEventMap[Name]['detail'],
    ): void => {
      this.dispatchEvent(new CustomEvent(name, { detail }));
    };
    const stops = [
      room.on('stateChanged', (state) => {
        if (state === 'connected' && !wasIn) {
          wasIn = true;
          this.#time.handleConnected();
          tell('joined', { room });
        }
        if (state === 'disconnected') {
          const isMendable = room.error !== undefined && mayRejoinAfter(room.error.code);
          if (isMendable) this.#time.handleLost();
          // What a page that goes away wrote down is for the next one.
          else if (!this.#wasPutAway) this.#time.forget();
          this.#stops.splice(0).forEach((stop) => {
            stop();
          });
          this.#smallWindow.close();
          tell('left', { error: room.error });
        }
      }),
      room.on('error', (error) => {
        tell('problem', { error });
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Has all play by the chosen loudspeaker whenever it is there, and else by the computer's choice. */
  #followSpeaker(room: Room): () => void {
    const look = (): void => {
      void room.devices.find('speaker').then((id) => {
        if (this.room === room) this.#session.playback.setSpeaker(id);
      });
    };
    let wasAllowed = false;
    const stops = [
      room.devices.on('chosen', look),
      room.devices.onDeviceChange(look),
      // A browser may tell of a headset's end by its microphone alone.
      room.on('deviceReplaced', look),
      // Before a device was allowed, browsers name no loudspeaker.
      room.on('localParticipantUpdated', ({ microphoneEnabled, cameraEnabled }) => {
        const isAllowed = microphoneEnabled || cameraEnabled;
        if (isAllowed && !wasAllowed) look();
        wasAllowed = isAllowed;
      }),
    ];
    look();
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** What the element's own `lang` says, else the page's, else the browser's. */
  #chooseMessages(): Messages {
    const inherited = this.closest<HTMLElement>('[lang]:not([lang=""])')?.lang;
    const said = this.lang === '' ? inherited : this.lang;
    return messagesFor(said === undefined ? navigator.languages : [said]);
  }

  get #ownPanel(): string | undefined {
    if (this.querySelector(':scope > [slot="panel"]') === null) return undefined;
    return isEmpty(this.panelLabel) ? this.#session.messages.ownPanel : (this.panelLabel ?? '');
  }

  get #isFullScreen(): boolean {
    return (this.getRootNode() as Document | ShadowRoot).fullscreenElement === this;
  }

  /** What the small window shows: nothing that its tile would hide. */
  #pictureOfSpeaker(): ReturnType<typeof pictureOf> {
    const person = this.#session.featured ?? this.#session.speaker;
    return person === undefined ? undefined : pictureOf(person);
  }

  readonly #handleActivity = (): void => {
    const { room } = this;
    if (room?.state !== 'connected') return;
    room.rules.reportActivity();
    // Not at once: the press may be meant for the very button.
    const { prompts } = this.#session;
    if (prompts.has('inactivity')) {
      setTimeout(() => {
        prompts.dismiss('inactivity');
      }, ACTIVITY_NOTED);
    }
  };

  /** Browsers keep a page that was left, to show it again as it was, and then devices and keys are gone. */
  readonly #handlePageHide = (): void => {
    const { room } = this;
    this.#wasPutAway = room !== undefined && room.state !== 'disconnected';
    this.#time.handlePageHide();
    // Who was only in the green room has left nothing.
    if (room?.state === 'idle') this.#end();
    else room?.leave();
  };

  readonly #handlePageShow = ({ persisted }: PageTransitionEvent): void => {
    if (!persisted || !this.#wasPutAway) return;
    this.#wasPutAway = false;
    this.#begin();
  };

  readonly #handleFocusLost = (event: Event): void => {
    // Between the room's own elements; it is none of the element's events.
    event.stopPropagation();
    void this.updateComplete.then(() => {
      if (isFocusLost(this.ownerDocument)) this.#focusKeeper.findPlace();
    });
  };

  readonly #handlePointer = (event: Event): void => {
    this.#level.resume();
    const { popup } = this.#session;
    if (popup === undefined || event.composedPath().some(isBar)) return;
    this.#session.setPopup(undefined);
  };

  readonly #handleKey = (event: KeyboardEvent): void => {
    this.#level.resume();
    if (event.key === 'Escape' && this.#session.popup !== undefined) {
      this.#closePopup();
      return;
    }
    const shortcut = this.#shortcuts.isOn ? shortcutOf(event) : undefined;
    if (shortcut === undefined) return;
    if (this.#act(shortcut)) event.preventDefault();
  };

  /** Returns whether there was something to do. */
  #act(shortcut: Shortcut): boolean {
    const { room } = this;
    if (room === undefined || room.state === 'disconnected') return false;
    const { controls, more } = this.#actions;
    // The button's own state is the truth: what has none, or is not to be pressed, does nothing.
    const mayPress = (selector: string): boolean =>
      this.renderRoot.querySelector(`${selector}:enabled:not([aria-disabled='true'])`) !== null;
    switch (shortcut) {
      case 'microphone':
      case 'camera':
        if (!this.#session.isPreparing && !mayPress(`.controls .${shortcut}`)) return false;
        this.#toggle(shortcut);
        return true;
      case 'help':
        more.showShortcuts();
        return true;
      case 'hand':
        if (mayPress('.controls .hand')) controls.toggleHand();
        return true;
      case 'chat':
      case 'people':
        if (mayPress(`.${shortcut}-toggle`)) controls.togglePanel(shortcut);
        return true;
      case 'view':
        more.toggleView();
        return true;
      case 'self':
        more.toggleSelf();
        return true;
      case 'full-screen':
        if (canFillScreen(this)) more.toggleFullScreen();
        return true;
    }
  }

  #toggle(source: DeviceSource): void {
    const { localParticipant } = this.room ?? {};
    if (localParticipant === undefined) return;
    const wanted = this.#unopened === undefined ? wantedDevices(localParticipant) : this.#wanted;
    this.#turn(source, !wanted[source]);
  }

  /** What is not opened yet is opened as it is wanted, and not at all if it is not. */
  #turn(source: DeviceSource, isOn: boolean): void {
    if (this.#unopened === undefined) {
      this.#set(source, isOn);
      return;
    }
    this.#wanted = { ...this.#wanted, [source]: isOn };
    this.#openDevices();
  }

  #set(source: DeviceSource, isOn: boolean): void {
    const { localParticipant } = this.room ?? {};
    if (localParticipant === undefined) return;
    this.#wanted = { ...this.#wanted, [source]: isOn };
    this.#session.notices.delete(source);
    this.#try(
      source === 'camera'
        ? localParticipant.setCameraEnabled(isOn)
        : localParticipant.setMicrophoneEnabled(isOn),
    );
  }

  #try(change: Promise<void>): void {
    this.requestUpdate();
    change.catch((reason: unknown) => {
      this.#session.notices.note(toQuietroomError(reason, 'internal'));
    });
  }

  #openPanel(panel: Panel | undefined): void {
    const former = this.#session.panel;
    this.#session.setPanel(panel);
    if (panel === 'chat') this.#focus('quiet-room-chat');
    else if (panel !== undefined) this.#focus('.panel .close');
    else this.#focus(former === 'devices' ? '.more-toggle' : `.${former ?? 'chat'}-toggle`);
  }

  #showDevices(): void {
    const greenRoom = this.renderRoot.querySelector<GreenRoomElement>('quiet-room-green-room');
    if (greenRoom === null) this.#openPanel('devices');
    else greenRoom.showDevices();
  }

  #openPopup(popup: Popup): void {
    this.#session.setPopup(popup);
    this.#focus(`.${popup} button`);
  }

  #closePopup(): void {
    const { popup } = this.#session;
    this.#session.setPopup(undefined);
    this.#focus(popup === 'more' ? '.more-toggle' : '.react');
  }

  /** A pressed button that goes away must not drop a keyboard user at the page's top. */
  #focus(selector: string): void {
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>(selector)?.focus();
    });
  }

  #layOut(): void {
    const grid = this.renderRoot.querySelector<HTMLElement>('.grid');
    if (grid !== null) layOut(grid);
  }

  #actionContext(): ActionContext {
    const attempt = (act: () => void): boolean => attemptToSend(this.#session.notices, act);
    const asking = (): Asking => {
      const confirmation = this.renderRoot.querySelector('quiet-room-confirmation');
      return {
        confirmation: confirmation as ConfirmationElement,
        messages: this.#session.messages,
        attempt,
      };
    };
    return {
      session: () => this.#session,
      toggle: (source) => {
        this.#toggle(source);
      },
      attempt: (source, change) => {
        this.#session.notices.delete(source);
        this.#try(change);
      },
      enter: (request) => {
        this.#enter(request);
      },
      testNetwork: (signal) => {
        const { tokenUrl, token, url, workerUrl } = this;
        return this.testNetwork({
          url: url ?? undefined,
          workerUrl: workerUrl ?? undefined,
          ...(isEmpty(tokenUrl) ? { token: token ?? '' } : { tokenUrl: tokenUrl ?? '' }),
          signal,
        });
      },
      rejoin: () => {
        this.#rejoin();
      },
      openPanel: (panel) => {
        this.#openPanel(panel);
      },
      openPopup: (popup) => {
        this.#openPopup(popup);
      },
      closePopup: () => {
        this.#closePopup();
      },
      focus: (selector) => {
        this.#focus(selector);
      },
      update: () => {
        this.requestUpdate();
      },
      toggleSmallWindow: () => {
        this.#smallWindow.toggle().catch(() => undefined);
      },
      toggleFullScreen: () => {
        const change = this.#isFullScreen ? document.exitFullscreen() : this.requestFullscreen();
        change.catch(() => undefined);
      },
      showShortcuts: () => {
        // The sheet gives the keyboard back to what has it now, which must not be what goes away.
        void this.updateComplete.then(() => {
          this.renderRoot.querySelector<HelpSheetElement>('quiet-room-help')?.open();
        });
      },
      actOnPerson: (room, { participantId, action }) => {
        const name = this.#session.nameOfId(participantId);
        attempt(() => {
          actOnPerson(room, participantId, action, name, asking());
        });
      },
      actOnSession: (room, request) =>
        attempt(() => {
          actOnSession(room, request, asking());
        }),
    };
  }
}

function pictureOf({
  cameraEnabled,
  isBlanked,
  videoPaused,
  videoTrack,
}: NonNullable<Session['speaker']>): typeof videoTrack {
  return cameraEnabled && !isBlanked && videoPaused === undefined ? videoTrack : undefined;
}

/** iPhones give no page the whole screen, and a frame needs the page's leave. */
function canFillScreen({ ownerDocument }: Element): boolean {
  return (ownerDocument as Partial<Document>).fullscreenEnabled === true;
}

function isBar(target: EventTarget): boolean {
  return target instanceof HTMLElement && target.classList.contains('bar');
}

/** Some browsers never tell what they would ask. */
function noAnswer(): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(resolve, ANSWERED_WITHIN);
  });
}

function isEmpty(text: string | null): boolean {
  return text === null || text === '';
}

/** Where the keyboard is when what had it has gone away; a key that is pressed once more does nothing there. */
const NEUTRAL_PLACES = ['#door-title', '.ended h2', '.controls', 'quiet-room-green-room'] as const;

const ALL_ON = { microphone: true, camera: true } as const;

/** What another stay begins with. */
const JOINING = ['token', 'tokenUrl', 'url', 'workerUrl'] as const;

/** From a sign of life until the question for one goes away, in ms. */
const ACTIVITY_NOTED = 2000;

/** From the green room's beginning until what the join takes is loaded, in ms. */
const PREPARED_AFTER = 300;

/** Until the devices are opened all the same, in ms. */
const ANSWERED_WITHIN = 500;

/** What a person does who is there. */
const SIGNS_OF_LIFE = ['keydown', 'pointerdown', 'pointermove'] as const;

const PASSIVE = { capture: true, passive: true };

// Last: elements that are in the page already connect at once.
customElements.define('quiet-room', QuietRoomElement);

type QuietRoomListener<Name extends keyof QuietRoomEventMap> = (
  this: QuietRoomElement,
  event: QuietRoomEventMap[Name],
) => void;

/** Its own events, with their details. */
// The class has these two methods already; here they only learn more names.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging
export interface QuietRoomElement {
  /** As of every element, and for {@link QuietRoomEventMap}. */
  addEventListener<Name extends keyof QuietRoomEventMap>(
    type: Name,
    listener: QuietRoomListener<Name>,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<Name extends keyof HTMLElementEventMap>(
    type: Name,
    listener: (this: QuietRoomElement, event: HTMLElementEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** As of every element, and for {@link QuietRoomEventMap}. */
  removeEventListener<Name extends keyof QuietRoomEventMap>(
    type: Name,
    listener: QuietRoomListener<Name>,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener<Name extends keyof HTMLElementEventMap>(
    type: Name,
    listener: (this: QuietRoomElement, event: HTMLElementEventMap[Name]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'quiet-room': QuietRoomElement;
  }
}
