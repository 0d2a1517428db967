import { codecFraming, type CodecFraming } from './codec-framing';
import type { EncodedFrame } from './frame-pipe';

/** How a frame is laid out, or `undefined` if its codec is unknown or not to be sent. */
export function frameCodecFraming(frame: EncodedFrame): CodecFraming | undefined {
  const { mimeType } = frame.getMetadata() as { readonly mimeType?: string };
  return mimeType === undefined ? undefined : codecFraming(mimeType);
}
