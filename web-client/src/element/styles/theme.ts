import { css } from 'lit';

/**
 * The colours of everything. What a page sets stands in `--quiet-room-…`;
 * what is not set follows from the background, the text and the accent.
 */
export const themeStyles = css`
  :host {
    --qr-background: var(--quiet-room-background, #10191b);
    --qr-text: var(--quiet-room-text, #f3f7f6);
    --qr-accent: var(--quiet-room-accent, #9fd8c8);
    --qr-accent-text: var(--quiet-room-accent-text, #0d1a18);
    --qr-surface: var(
      --quiet-room-surface,
      color-mix(in srgb, var(--qr-text) 7%, var(--qr-background))
    );
    --qr-control: var(
      --quiet-room-control,
      color-mix(in srgb, var(--qr-text) 12%, var(--qr-background))
    );
    --qr-tile: var(--quiet-room-tile, color-mix(in srgb, var(--qr-text) 11%, var(--qr-background)));
    --qr-muted-text: var(
      --quiet-room-muted-text,
      color-mix(in srgb, var(--qr-text) 80%, var(--qr-background))
    );
    --qr-border: var(
      --quiet-room-border,
      color-mix(in srgb, var(--qr-text) 32%, var(--qr-background))
    );
    --qr-danger: var(--quiet-room-danger, #a92d24);
    --qr-danger-text: var(--quiet-room-danger-text, #fff);
    --qr-notice: var(--quiet-room-notice, #43351a);
    --qr-notice-text: var(--quiet-room-notice-text, #ffe7b8);
    --qr-focus: var(--quiet-room-focus, #ffd27a);
    --qr-speaking: var(--quiet-room-speaking, #7fd6c2);
    --qr-radius: var(--quiet-room-radius, 14px);
    --qr-control-hover: color-mix(in srgb, var(--qr-text) 20%, var(--qr-background));
    --qr-field-border: color-mix(in srgb, var(--qr-text) 52%, var(--qr-background));
    --qr-border-faint: color-mix(in srgb, var(--qr-text) 14%, var(--qr-background));
    --qr-faint-text: color-mix(in srgb, var(--qr-text) 58%, var(--qr-background));
    --qr-figure: color-mix(in srgb, var(--qr-text) 60%, var(--qr-background));
    --qr-active: color-mix(in srgb, var(--qr-accent) 28%, var(--qr-background));
    --qr-accent-hover: color-mix(in srgb, var(--qr-accent) 75%, white);
    --qr-danger-hover: color-mix(in srgb, var(--qr-danger) 80%, black);
    --qr-danger-border: color-mix(in srgb, var(--qr-danger) 85%, white);
    /* On pictures and on what stands out, which no theme changes. */
    --qr-shade: rgb(13 22 24 / 78%);
    --qr-on-shade: #f3f7f6;
    --qr-highlight: #ffd27a;
    --qr-on-highlight: #241a05;
    --qr-alarm: #ffb4a8;
  }
`;
