import { toQuietroomError } from '../error';
import type { DeviceSource } from '../media/devices';
import type { Room } from '../room/room';
import type { TestNetwork } from './connection-check';
import type { Panel } from './controls';
import { pathWithin } from './event-path';
import type { JoinRequest } from './green-room';
import type { Notices } from './notices';
import type { PersonRequest } from './people';
import type { Popup, Session } from './session';
import type { PowerRequest } from './session-controls';
import type { StageActions } from './stages';

/** What actions need of the element. */
export interface ActionContext {
  readonly session: () => Session;
  readonly toggle: (source: DeviceSource) => void;
  /** Tells the person if `change` fails, in place of what was told about `subject`. */
  readonly attempt: (subject: string, change: Promise<void>) => void;
  readonly enter: (request: JoinRequest) => void;
  readonly testNetwork: TestNetwork;
  readonly rejoin: () => void;
  readonly openPanel: (panel: Panel | undefined) => void;
  readonly openPopup: (popup: Popup) => void;
  readonly closePopup: () => void;
  /** Gives the keyboard to what `selector` finds once it is there. */
  readonly focus: (selector: string) => void;
  readonly update: () => void;
  readonly toggleSmallWindow: () => void;
  readonly toggleFullScreen: () => void;
  readonly showShortcuts: () => void;
  readonly actOnPerson: (room: Room, request: PersonRequest) => void;
  /** Returns whether it was done, or is asked about first. */
  readonly actOnSession: (room: Room, request: PowerRequest) => boolean;
}

/** Returns whether what `send` sends could be; if not, `notices` say why. */
export function attemptToSend(notices: Notices, send: () => void): boolean {
  try {
    send();
    return true;
  } catch (reason) {
    const isTooLong = reason instanceof RangeError;
    notices.note(toQuietroomError(reason, isTooLong ? 'text-too-long' : 'internal'));
    return false;
  }
}

/** What every button of the room does. */
export function roomActions(context: ActionContext): StageActions {
  const session = (): Session => context.session();
  const room = (): Room | undefined => session().room;
  const togglePopup = (popup: Popup): void => {
    if (session().popup === popup) context.closePopup();
    else context.openPopup(popup);
  };
  /** Returns whether it was sent; what was not is told of. */
  const attempt = (send: () => void): boolean => attemptToSend(session().notices, send);
  /** What is behind "More" closes with the press. */
  const andClose =
    (act: () => void): (() => void) =>
    () => {
      if (session().popup === 'more') context.closePopup();
      act();
    };

  const controls: StageActions['controls'] = {
    toggleMicrophone: () => {
      context.toggle('microphone');
    },
    toggleCamera: () => {
      context.toggle('camera');
    },
    toggleScreen: () => {
      const present = room();
      if (present === undefined) return;
      context.attempt(
        'screen',
        present.localParticipant.isSharingScreen
          ? present.stopScreenShare()
          : present.shareScreen(),
      );
    },
    toggleHand: () => {
      const present = room();
      attempt(() => present?.setHandRaised(!present.localParticipant.handRaised));
    },
    toggleReactions: () => {
      togglePopup('reactions');
    },
    toggleMore: () => {
      togglePopup('more');
    },
    react: (reaction) => {
      attempt(() => room()?.react(reaction));
      context.closePopup();
    },
    togglePanel: (panel) => {
      context.openPanel(session().panel === panel ? undefined : panel);
    },
    leave: () => {
      room()?.leave();
      context.focus('.ended h2');
    },
  };

  return {
    controls,
    toggle: context.toggle,
    enter: context.enter,
    testNetwork: context.testNetwork,
    more: {
      toggleView: andClose(() => {
        session().toggleView();
      }),
      toggleSelf: andClose(() => {
        session().toggleSelf();
      }),
      toggleAudioOnly: andClose(() => {
        const present = room();
        present?.setAudioOnly(present.audioOnly !== 'chosen');
      }),
      toggleSmallWindow: andClose(context.toggleSmallWindow),
      toggleFullScreen: andClose(context.toggleFullScreen),
      showDevices: andClose(() => {
        context.openPanel('devices');
      }),
      showShortcuts: andClose(context.showShortcuts),
    },
    door: {
      toggleMicrophone: controls.toggleMicrophone,
      toggleCamera: controls.toggleCamera,
      accept: () => {
        room()?.rules.acceptConsent();
      },
      leave: controls.leave,
    },
    panel: {
      close: () => {
        context.openPanel(undefined);
      },
      handleKey: (event) => {
        // It may end what is being composed, or mean something in what the clinic put there.
        if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return;
        if (pathWithin(event).some((target) => target instanceof HTMLSlotElement)) return;
        event.stopPropagation();
        context.openPanel(undefined);
      },
      handleChatSend: (event) => {
        if (!attempt(() => room()?.sendChat(event.detail))) event.preventDefault();
      },
      handleCompared: ({ detail }) => {
        session().setCompared(detail);
      },
      handlePersonRequest: ({ detail }) => {
        const present = room();
        if (present !== undefined) context.actOnPerson(present, detail);
      },
      handlePowerRequest: (event) => {
        const present = room();
        if (present === undefined || !context.actOnSession(present, event.detail)) {
          event.preventDefault();
        }
      },
      handleEmergency: ({ detail }) => {
        attempt(() => room()?.setEmergencyInformation(detail));
        context.update();
      },
    },
    hear: () => {
      void session().playback.resume();
      context.focus('.controls');
    },
    rejoin: context.rejoin,
  };
}
