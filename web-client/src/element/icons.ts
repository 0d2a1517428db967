import { svg, type SVGTemplateResult } from 'lit';

/** An icon that says nothing to a screen reader: text stands beside it. */
function icon(content: SVGTemplateResult): SVGTemplateResult {
  return svg`<svg
    viewBox="0 0 24 24"
    aria-hidden="true"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
  >${content}</svg>`;
}

const STRIKE = svg`<path d="M4 4l16 16" />`;

const MICROPHONE = svg`<rect x="9" y="3" width="6" height="11" rx="3" />
  <path d="M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21" />`;

const CAMERA = svg`<rect x="3" y="6.5" width="12" height="11" rx="2" />
  <path d="M15 10.5l6-3v9l-6-3z" />`;

export const microphoneOn = icon(MICROPHONE);
export const microphoneOff = icon(svg`${MICROPHONE}${STRIKE}`);
export const cameraOn = icon(CAMERA);
export const cameraOff = icon(svg`${CAMERA}${STRIKE}`);
export const leave = icon(
  svg`<path d="M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M11 12h10M17.5 8.5L21 12l-3.5 3.5" />`,
);
export const speaker = icon(svg`<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z" />
  <path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" />`);
export const figure = icon(svg`<circle cx="12" cy="8.5" r="3.8" />
  <path d="M4.5 20.5c.8-4.2 3.8-6.2 7.5-6.2s6.7 2 7.5 6.2" />`);
export const lock = icon(svg`<rect x="5" y="10.5" width="14" height="9.5" rx="2" />
  <path d="M8 10.5V8a4 4 0 0 1 8 0v2.5" />`);
export const hand = icon(svg`<path
    d="M7.5 12V6.5a1.4 1.4 0 0 1 2.8 0V11M10.3 11V4.9a1.4 1.4 0 0 1 2.8 0V11M13.1 11V5.9a1.4 1.4 0 0 1 2.8 0v6M15.9 12V8.9a1.4 1.4 0 0 1 2.8 0v5.6a6.2 6.2 0 0 1-6.2 6.2c-2.6 0-4-1.2-5.2-3.1L4.9 14a1.3 1.3 0 0 1 2.2-1.4z"
  />`);
export const screen = icon(svg`<rect x="3" y="4.5" width="18" height="12" rx="2" />
  <path d="M9 20.5h6M12 16.5v4M12 13.2V8M9.5 10.3L12 7.8l2.5 2.5" />`);
export const screenOff = icon(svg`<rect x="3" y="4.5" width="18" height="12" rx="2" />
  <path d="M9 20.5h6M12 16.5v4M9.8 8.3l4.4 4.4M14.2 8.3l-4.4 4.4" />`);
export const smile = icon(svg`<circle cx="12" cy="12" r="9" />
  <path d="M8.2 14.2c.8 1.5 2.2 2.3 3.8 2.3s3-.8 3.8-2.3M9 9.3v.6M15 9.3v.6" />`);
export const people = icon(svg`<circle cx="9" cy="8.5" r="3.3" />
  <path d="M2.8 19.5c.6-3.6 3-5.4 6.2-5.4s5.6 1.8 6.2 5.4M15.5 5.6a3.2 3.2 0 0 1 0 5.8M18 14.8c1.8.8 2.9 2.4 3.2 4.7" />`);
export const chat = icon(
  svg`<path d="M4 5.5h16a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-8.5L7 20.5v-4H4a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1z" />`,
);
export const send = icon(
  svg`<path d="M4 12l16-7.5-5 15.5-3.2-6.3z" /><path d="M11.8 13.7L20 4.5" />`,
);
export const pin = icon(svg`<path d="M8.5 3.5h7l-1 6.5 3 3.5v1.5h-11v-1.5l3-3.5zM12 15v6" />`);
export const more = icon(svg`<path stroke-width="3" d="M5 12h.01M12 12h.01M19 12h.01" />`);
export const notes = icon(svg`<rect x="5" y="3.5" width="14" height="17" rx="2" />
  <path d="M8.5 8.5h7M8.5 12h7M8.5 15.5h4" />`);
export const speakerView = icon(svg`<rect x="3" y="4" width="18" height="10" rx="2" />
  <path d="M3 18.5h4M10 18.5h4M17 18.5h4" stroke-width="3" />`);
export const gridView = icon(svg`<rect x="3" y="4" width="8" height="7" rx="1.5" />
  <rect x="13" y="4" width="8" height="7" rx="1.5" /><rect x="3" y="13" width="8" height="7" rx="1.5" />
  <rect x="13" y="13" width="8" height="7" rx="1.5" />`);
export const self = icon(svg`<rect x="3" y="4" width="18" height="16" rx="2" />
  <circle cx="12" cy="10.5" r="2.6" /><path d="M7 17.5c.6-2.4 2.6-3.4 5-3.4s4.4 1 5 3.4" />`);
export const smallWindow = icon(svg`<rect x="3" y="4.5" width="18" height="15" rx="2" />
  <rect x="12" y="12" width="6.5" height="5" rx="1" />`);
export const fullScreen = icon(
  svg`<path d="M4 9V5a1 1 0 0 1 1-1h4M15 4h4a1 1 0 0 1 1 1v4M20 15v4a1 1 0 0 1-1 1h-4M9 20H5a1 1 0 0 1-1-1v-4" />`,
);
export const keyboard = icon(svg`<rect x="2.5" y="6" width="19" height="12" rx="2" />
  <path d="M6 10h.01M9.5 10h.01M13 10h.01M16.5 10h.01M7.5 14h9" />`);
export const devices = icon(svg`<circle cx="8" cy="7" r="2.2" /><path d="M3 7h2.8M10.2 7H21" />
  <circle cx="15.5" cy="16.5" r="2.2" /><path d="M3 16.5h10.3M17.7 16.5H21" />`);
export const close = icon(svg`<path d="M6 6l12 12M18 6L6 18" />`);
export const signalWeak = icon(svg`<path stroke-width="3" d="M5 19v-4M12 19v-9" />
  <path d="M19 19V5" stroke-width="3" stroke-opacity="0.35" />`);
export const signalPoor = icon(svg`<path stroke-width="3" d="M5 19v-4" />
  <path d="M12 19v-9M19 19V5" stroke-width="3" stroke-opacity="0.35" />`);
export const check = icon(svg`<path d="M5 12.5l4.5 4.5L19 7.5" />`);
export const connection = icon(svg`<path d="M4.5 10.5a11 11 0 0 1 15 0M8 14.2a6 6 0 0 1 8 0" />
  <path stroke-width="3" d="M12 18.5h.01" />`);
