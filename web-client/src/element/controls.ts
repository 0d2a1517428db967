import { html, nothing, type TemplateResult } from 'lit';
import type { Messages } from '../i18n/messages';
import type { DeviceSource } from '../media/devices';
import type { LocalParticipant } from '../room/participant';
import * as icons from './icons';
import { REACTIONS } from './reactions';

/** What can be open beside the pictures. */
export type Panel = 'chat' | 'people' | 'devices' | 'own';

/** What the buttons show. */
export interface ControlsState {
  readonly microphone: boolean;
  readonly camera: boolean;
  /** What the role does not allow has no button. */
  readonly mayUseMicrophone: boolean;
  readonly mayUseCamera: boolean;
  readonly handRaised: boolean;
  readonly canShareScreen: boolean;
  readonly isSharingScreen: boolean;
  /** Words, hands and reactions can be sent. */
  readonly isEncrypted: boolean;
  /** What is sent would reach nobody; words with the id `away` say so. */
  readonly isAway: boolean;
  readonly areReactionsOpen: boolean;
  readonly isMoreOpen: boolean;
  /** What the clinic shows beside the pictures is called; absent where it shows nothing. */
  readonly ownPanel: string | undefined;
  readonly panel: Panel | undefined;
  readonly unread: number;
  /** How many wait to be let in. */
  readonly waiting: number;
}

/** What their presses do. */
export interface ControlsActions {
  readonly toggleMicrophone: () => void;
  readonly toggleCamera: () => void;
  readonly toggleScreen: () => void;
  readonly toggleMore: () => void;
  readonly toggleHand: () => void;
  readonly toggleReactions: () => void;
  readonly react: (reaction: string) => void;
  readonly togglePanel: (panel: Panel) => void;
  readonly leave: () => void;
}

/** Which devices a press turns off: those that are on, and those that open just now. */
export function wantedDevices(local: LocalParticipant): Record<DeviceSource, boolean> {
  return {
    microphone: local.microphoneEnabled || local.microphoneOpening,
    camera: local.cameraEnabled || local.cameraOpening,
  };
}

/** The buttons under the pictures. */
export function renderControls(
  state: ControlsState,
  actions: ControlsActions,
  messages: Messages,
  more: TemplateResult | typeof nothing,
): TemplateResult {
  const { microphone, camera, isSharingScreen, handRaised, isAway } = state;
  // Not disabled, so that the keyboard stays where it is.
  const ifHere = (act: () => void) => (): void => {
    if (!isAway) act();
  };
  const disabledBy = isAway ? 'away' : nothing;
  return html`
    <div class="bar">
      ${state.areReactionsOpen ? renderReactions(actions, messages) : nothing} ${more}
      <div
        class="controls"
        part="controls"
        role="group"
        tabindex="-1"
        aria-label=${messages.controls}
      >
        ${
          state.mayUseMicrophone
            ? renderMicrophone(microphone, actions.toggleMicrophone, messages)
            : nothing
        }
        ${state.mayUseCamera ? renderCamera(camera, actions.toggleCamera, messages) : nothing}
        ${
          state.canShareScreen
            ? html`<button
                class=${isSharingScreen ? 'screen on' : 'screen'}
                ?disabled=${!state.isEncrypted}
                aria-disabled=${isAway && !isSharingScreen ? 'true' : nothing}
                aria-describedby=${isSharingScreen ? nothing : disabledBy}
                @click=${isSharingScreen ? actions.toggleScreen : ifHere(actions.toggleScreen)}
              >
                ${isSharingScreen ? icons.screenOff : icons.screen}
                <span>${isSharingScreen ? messages.stopSharing : messages.shareScreen}</span>
              </button>`
            : nothing
        }
        <button
          class=${handRaised ? 'hand on' : 'hand'}
          ?disabled=${!state.isEncrypted}
          aria-disabled=${isAway ? 'true' : nothing}
          aria-describedby=${disabledBy}
          @click=${ifHere(actions.toggleHand)}
        >
          ${icons.hand}<span>${handRaised ? messages.lowerHand : messages.raiseHand}</span>
        </button>
        <button
          class="react"
          aria-expanded=${state.areReactionsOpen ? 'true' : 'false'}
          ?disabled=${!state.isEncrypted}
          aria-disabled=${isAway ? 'true' : nothing}
          aria-describedby=${disabledBy}
          @click=${ifHere(actions.toggleReactions)}
        >
          ${icons.smile}<span>${messages.react}</span>
        </button>
        <button
          class="people-toggle"
          aria-label=${state.waiting > 0 ? messages.peopleWaiting(state.waiting) : messages.people}
          aria-expanded=${state.panel === 'people' ? 'true' : 'false'}
          @click=${() => {
            actions.togglePanel('people');
          }}
        >
          ${icons.people}<span>${messages.people}</span>
          ${state.waiting > 0 ? html`<span class="badge">${badge(state.waiting)}</span>` : nothing}
        </button>
        <button
          class="chat-toggle"
          aria-label=${state.unread > 0 ? messages.chatUnread(state.unread) : messages.chat}
          aria-expanded=${state.panel === 'chat' ? 'true' : 'false'}
          @click=${() => {
            actions.togglePanel('chat');
          }}
        >
          ${icons.chat}<span>${messages.chat}</span>
          ${state.unread > 0 ? html`<span class="badge">${badge(state.unread)}</span>` : nothing}
        </button>
        ${state.ownPanel === undefined ? nothing : renderOwnPanel(state.ownPanel, state, actions)}
        <button
          class="more-toggle"
          aria-expanded=${state.isMoreOpen ? 'true' : 'false'}
          @click=${actions.toggleMore}
        >
          ${icons.more}<span>${messages.more}</span>
        </button>
        <button class="leave" part="leave" @click=${actions.leave}>
          ${icons.leave}<span>${messages.leave}</span>
        </button>
      </div>
    </div>
  `;
}

function renderOwnPanel(
  label: string,
  { panel }: ControlsState,
  { togglePanel }: ControlsActions,
): TemplateResult {
  return html`<button
    class="own-toggle"
    aria-expanded=${panel === 'own' ? 'true' : 'false'}
    @click=${() => {
      togglePanel('own');
    }}
  >
    ${icons.notes}<span>${label}</span>
  </button>`;
}

/** The button of the microphone. */
export function renderMicrophone(
  isOn: boolean,
  toggle: () => void,
  messages: Messages,
): TemplateResult {
  return html`<button class=${isOn ? 'microphone' : 'microphone off'} @click=${toggle}>
    ${isOn ? icons.microphoneOn : icons.microphoneOff}
    <span>${isOn ? messages.mute : messages.unmute}</span>
  </button>`;
}

/** The button of the camera. */
export function renderCamera(
  isOn: boolean,
  toggle: () => void,
  messages: Messages,
): TemplateResult {
  return html`<button class=${isOn ? 'camera' : 'camera off'} @click=${toggle}>
    ${isOn ? icons.cameraOn : icons.cameraOff}
    <span>${isOn ? messages.stopCamera : messages.startCamera}</span>
  </button>`;
}

function renderReactions({ react }: ControlsActions, messages: Messages): TemplateResult {
  return html`<div class="reactions" role="group" aria-label=${messages.react}>
    ${REACTIONS.map(
      (reaction) =>
        html`<button
          aria-label=${messages.reactions[reaction]}
          @click=${() => {
            react(reaction);
          }}
        >
          ${reaction}
        </button>`,
    )}
  </div>`;
}

function badge(count: number): string {
  return count > 99 ? '99+' : String(count);
}
