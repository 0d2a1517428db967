/**
 * All that is known of Safari in one place. **Untested**: no Safari runs where
 * these sources are tested; what stands here is from WebKit's documentation,
 * release notes and bug reports, and from MDN's tables. "iOS" is iPadOS too.
 *
 * What there is, and what is done where it is not:
 * - `RTCRtpScriptTransform`, without which nothing is joined, is there since 15.4,
 *   and the styles need 16.4 (`:dir()`). 17.2 is the oldest that is meant to
 *   work; `requireTransformInterface` asks for the interface, not the version.
 * - Loudspeakers can be chosen (`setSinkId`) since 18.4 on a Mac, and not before
 *   26 on iOS: the choice is left out where the method is missing.
 * - There is no `getDisplayMedia` on iOS: the button is left out there.
 * - iPhones give no page the whole screen: the button is left out there.
 * - The screen is kept on since 16.4; in apps on iOS's home screen since 18.4.
 * - `permissions.query` knows camera and microphone since 16, and says `prompt` of
 *   what was allowed for this visit only.
 *
 * Sound and pictures:
 * - Videos play in the page only with `playsinline`, which tiles have.
 * - Sound of others plays without a press only while the page has a camera or a
 *   microphone open; otherwise the button "Tap to hear the others" is shown.
 * - On iOS a phone call, Siri or another app's call mutes the track, which is
 *   told of as of any other program that takes a device, and pauses the others'
 *   sound, which comes back by itself or by that button (`AudioPlayback`). An
 *   `AudioContext` is then `interrupted`, a state that others do not have, and
 *   goes on by a press (`MicrophoneLevel`).
 * - On iOS a page that goes to the background has its camera muted until it is back.
 *
 * Devices:
 * - Whether macOS blurs what is behind a person is told (`backgroundBlur`), and
 *   cannot be changed by a page: its state is said, see `background-blur.ts`.
 * - Another microphone or camera that is opened on iOS silences the former, so
 *   the former is let go first.
 * - Every reload asks for devices anew unless the person allowed them for good.
 * - What a page stores may be deleted after seven days without a visit, and the
 *   devices that were chosen are forgotten with it.
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
