import { html, nothing, type SVGTemplateResult, type TemplateResult } from 'lit';
import type { Messages } from '../i18n/messages';
import * as icons from './icons';

/** What the less frequent buttons show. */
export interface MoreState {
  readonly isSpeakerView: boolean;
  readonly isSelfHidden: boolean;
  /** The person wants no pictures. */
  readonly isAudioOnly: boolean;
  /** Absent where the browser has no such window. */
  readonly isSmallWindowOpen: boolean | undefined;
  /** Whether there is a picture to open it with. */
  readonly canOpenSmallWindow: boolean;
  /** Absent where the page may not have the whole screen. */
  readonly isFullScreen: boolean | undefined;
  /** Whether this client is seen at all. */
  readonly hasCamera: boolean;
}

/** What their presses do. */
export interface MoreActions {
  readonly toggleView: () => void;
  readonly toggleSelf: () => void;
  readonly toggleAudioOnly: () => void;
  readonly toggleSmallWindow: () => void;
  readonly toggleFullScreen: () => void;
  readonly showDevices: () => void;
  readonly showShortcuts: () => void;
}

/** What is done less often, above the button that opens it. */
export function renderMore(
  state: MoreState,
  actions: MoreActions,
  messages: Messages,
): TemplateResult {
  return html`<div class="more" part="more" role="group" aria-label=${messages.more}>
    ${
      state.isSpeakerView
        ? entry('view', icons.gridView, messages.showAll, actions.toggleView)
        : entry('view', icons.speakerView, messages.showSpeaker, actions.toggleView)
    }
    ${
      state.hasCamera
        ? entry(
            'self',
            icons.self,
            state.isSelfHidden ? messages.showSelf : messages.hideSelf,
            actions.toggleSelf,
          )
        : nothing
    }
    ${entry(
      'audio-only-toggle',
      icons.speaker,
      state.isAudioOnly ? messages.showPictures : messages.hidePictures,
      actions.toggleAudioOnly,
    )}
    ${
      state.isSmallWindowOpen === undefined
        ? nothing
        : entry(
            'small-window',
            icons.smallWindow,
            state.isSmallWindowOpen ? messages.closeSmallWindow : messages.smallWindow,
            actions.toggleSmallWindow,
            !state.isSmallWindowOpen && !state.canOpenSmallWindow,
          )
    }
    ${
      state.isFullScreen === undefined
        ? nothing
        : entry(
            'full-screen',
            icons.fullScreen,
            state.isFullScreen ? messages.leaveFullScreen : messages.fullScreen,
            actions.toggleFullScreen,
          )
    }
    ${entry('devices-toggle', icons.devices, messages.devices, actions.showDevices)}
    ${entry('shortcuts', icons.keyboard, messages.shortcuts, actions.showShortcuts)}
  </div>`;
}

function entry(
  name: string,
  icon: SVGTemplateResult,
  text: string,
  act: () => void,
  isDisabled = false,
): TemplateResult {
  return html`<button class=${name} ?disabled=${isDisabled} @click=${act}>
    ${icon}<span>${text}</span>
  </button>`;
}
