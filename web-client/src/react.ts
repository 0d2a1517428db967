import type { ClassAttributes, HTMLAttributes } from 'react';
import type { QuietRoomElement } from './element/quiet-room';

/**
 * The attributes of `<quiet-room>` in JSX; `docs/element.md` says what each does.
 * Its events are listened to by a `ref`, which gives them their types.
 */
export interface QuietRoomAttributes
  extends HTMLAttributes<QuietRoomElement>, ClassAttributes<QuietRoomElement> {
  /** Where a token is asked for with the press of "Join". */
  readonly 'token-url'?: string | undefined;
  /** A token, in place of `token-url`. */
  readonly token?: string | undefined;
  /** What the person is called. */
  readonly name?: string | undefined;
  /** The server's socket, where the page came from another server. */
  readonly url?: string | undefined;
  /** The encryption worker's file, where the bundler did not put one beside the library. */
  readonly 'worker-url'?: string | undefined;
  /** Joins at once, with microphone and camera on. */
  readonly 'skip-green-room'?: boolean | undefined;
  /** What the button says that opens the slot `panel`. */
  readonly 'panel-label'?: string | undefined;
}

declare module 'react' {
  // JSX is looked up in this namespace; there is no other way to name an element.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace JSX {
    interface IntrinsicElements {
      'quiet-room': QuietRoomAttributes;
    }
  }
}
