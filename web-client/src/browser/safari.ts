/**
 * All that is known of Safari in one place. **Untested**: no Safari runs where
 * these sources are tested; what stands here is from WebKit's documentation
 * and release notes.
 *
 * - 17.2 is the oldest that can do encoded transforms in workers as they are
 *   used here; `requireTransformInterface` asks for the interface, not the version.
 * - Videos play in the page only with `playsinline`, which tiles have.
 * - Sound of others plays without a press only while a microphone is open;
 *   otherwise the button "Tap to hear the others" is shown.
 * - There is no `setSinkId` before 18.4 and none on iOS: the choice of a loudspeaker is
 *   left out where the method is missing.
 * - There is no `getDisplayMedia` on iOS: the button is left out there.
 * - On iOS another microphone or camera that is opened silences the former, so
 *   the former is let go first; a phone call mutes the track until it is over,
 *   which is told of as of any other program that takes a device.
 * - Every press of "reload" asks for devices anew unless the person allowed them for good.
 */

/** Whether `userAgent` is Safari's; every browser on iOS is one inside. */
export function isSafari(userAgent: string): boolean {
  return (
    isIos(userAgent) || (userAgent.includes('Safari/') && !/Chrom(e|ium)\/|Android/.test(userAgent))
  );
}

/** An iPad says that it is a Macintosh, and differs by its touch screen: `maxTouchPoints`. */
export function isIos(userAgent: string, maxTouchPoints = 0): boolean {
  return (
    /iPhone|iPad|iPod/.test(userAgent) || (userAgent.includes('Macintosh') && maxTouchPoints > 1)
  );
}
