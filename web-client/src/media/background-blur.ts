/**
 * What the browser or the computer makes of what is behind a person
 * (Media Capture and Streams Extensions, "Exposing background blur").
 */
export interface BackgroundBlur {
  /** Whether it is blurred now. */
  readonly isOn: boolean;
  /** Whether a page may change it; else only the computer's own settings do. */
  readonly canChange: boolean;
}

/** Of a camera's picture; absent where nothing is known of it. */
export function backgroundBlurOf(camera: MediaStreamTrack): BackgroundBlur | undefined {
  // Not every browser tells what a track is capable of.
  const { backgroundBlur: choices = [] } =
    (camera as Partial<MediaStreamTrack>).getCapabilities?.call(camera) ?? {};
  if (choices.length === 0) return undefined;
  const { backgroundBlur: isOn = choices.every(Boolean) } = camera.getSettings();
  return { isOn, canChange: choices.length > 1 };
}

/** Rejects where it cannot be done after all; does nothing where it need not or may not. */
export async function setBackgroundBlur(camera: MediaStreamTrack, isOn: boolean): Promise<void> {
  const present = backgroundBlurOf(camera);
  if (present?.canChange !== true || present.isOn === isOn) return;
  await camera.applyConstraints({ ...camera.getConstraints(), backgroundBlur: isOn });
}
