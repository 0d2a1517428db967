import { html, nothing, type TemplateResult } from 'lit';
import type { Room } from '../room/room';
import { renderCamera, renderMicrophone, wantedDevices } from './controls';
import type { Messages } from '../i18n/messages';
import * as icons from './icons';

/** What the buttons at the door do. */
export interface DoorActions {
  readonly toggleMicrophone: () => void;
  readonly toggleCamera: () => void;
  readonly accept: () => void;
  readonly leave: () => void;
}

/** Whether somebody has yet to accept a text or to be let in. */
export function isAtDoor({ state, rules }: Room): boolean {
  return state !== 'disconnected' && (rules.consent ?? rules.waiting) !== undefined;
}

/**
 * What is seen before the room: a text to accept, or the waiting room.
 * `interruption` says in words that there is no connection, while there is none.
 */
export function renderDoor(
  room: Room,
  actions: DoorActions,
  messages: Messages,
  interruption: string | undefined,
): TemplateResult {
  const { consent } = room.rules;
  if (consent === undefined) return renderWaiting(room, actions, messages, interruption);
  return html`
    <section class="door consent" part="door" aria-labelledby="door-title">
      <h2 id="door-title" tabindex="-1">${messages.consentTitle}</h2>
      <div
        class="text"
        tabindex="0"
        role="group"
        aria-labelledby="door-title"
        dir="auto"
        .textContent=${consent.text}
      ></div>
      <p class="version">${messages.consentVersion(consent.version)}</p>
      <p>${messages.consentAdvice}</p>
      <p class="why" role="status">${interruption}</p>
      <div class="answers">
        <button class="primary accept" @click=${actions.accept}>${messages.agree}</button>
        <button class="decline" @click=${actions.leave}>${messages.disagree}</button>
      </div>
    </section>
  `;
}

function renderWaiting(
  room: Room,
  actions: DoorActions,
  messages: Messages,
  interruption: string | undefined,
): TemplateResult {
  const { localParticipant, rules } = room;
  const { microphoneEnabled, cameraEnabled } = localParticipant;
  const wanted = wantedDevices(localParticipant);
  const why = rules.waiting === 'host-absent' ? messages.hostAbsent : messages.awaitingAdmission;
  return html`
    <section class="door waiting" part="door" aria-labelledby="door-title">
      <h2 id="door-title" tabindex="-1">${messages.waitingRoom}</h2>
      <div role="status" aria-live="polite">
        <p class="why">${interruption ?? why}</p>
        ${interruption === undefined ? nothing : html`<p class="back">${messages.backToWaiting}</p>`}
        ${
          rules.note === undefined
            ? nothing
            : html`<p class="note" dir="auto">
                ${messages.noted(rules.note.from, rules.note.text)}
              </p>`
        }
      </div>
      <quiet-room-tile
        mirrored
        data-local
        .messages=${messages}
        .label=${localParticipant.name === '' ? messages.you : localParticipant.name}
        .track=${localParticipant.videoTrack}
        .camera=${cameraEnabled}
        .microphone=${microphoneEnabled}
      ></quiet-room-tile>
      <p>${messages.waitingAdvice}</p>
      <div class="controls" role="group" aria-label=${messages.controls}>
        ${renderMicrophone(wanted.microphone, actions.toggleMicrophone, messages)}
        ${renderCamera(wanted.camera, actions.toggleCamera, messages)}
        <button class="leave" @click=${actions.leave}>
          ${icons.leave}<span>${messages.leave}</span>
        </button>
      </div>
    </section>
  `;
}
