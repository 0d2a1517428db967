import type { EncodedFrame } from './frame-pipe';

/** For tests: whether a picture can be decoded alone. */
export type FrameType = 'key' | 'delta';

/** For tests: a frame as a browser's encoder or depacketizer gives it, sound if it has no type. */
export function fakeFrame(
  mimeType: string | undefined,
  data: Uint8Array<ArrayBuffer>,
  type?: FrameType,
  synchronizationSource?: number,
): EncodedFrame {
  const frame = {
    data: data.slice().buffer,
    getMetadata: () => ({ mimeType, synchronizationSource }),
    ...(type === undefined ? {} : { type }),
  };
  return frame as unknown as EncodedFrame;
}

/** For tests: the same frame after the network, with a copy of its data. */
export function received(frame: EncodedFrame): EncodedFrame {
  const { mimeType } = frame.getMetadata() as { mimeType?: string };
  const type = 'type' in frame ? frame.type : undefined;
  return fakeFrame(mimeType, new Uint8Array(frame.data), type);
}
