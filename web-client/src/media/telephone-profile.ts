import type { Device } from './device-choices';

/**
 * All that is known of Bluetooth headsets' telephone profile in one place.
 * **Untested** with a headset; what stands here is from the Bluetooth profiles,
 * from Chromium's sources and from what systems call such devices.
 *
 * - A headset plays music by a profile that leads one way only (A2DP). As soon
 *   as any program opens its microphone, it changes to the profile of telephones
 *   (HFP, in old ones HSP): both ways, one channel, at 8 kHz (CVSD) or 16 kHz
 *   (mSBC), with AirPods on a Mac 24 kHz. Both what is said and what is heard is
 *   then as on the phone, until the microphone is let go. LE Audio does without.
 * - No page can choose the profile. What helps is another microphone: then the
 *   headset only plays, and does it well.
 * - On phones another microphone may move the sound to the loudspeaker, for
 *   whoever is in the room to hear. There nothing is advised.
 * - Chromium adds "(Bluetooth)" to names on some systems. Windows calls the
 *   profile "Hands-Free AG Audio" or "Hands-Free"; PulseAudio and PipeWire call
 *   it "Handsfree" or "Headset Head Unit (HSP/HFP)".
 * - In Chromium the least of a track's `getCapabilities().sampleRate` is the
 *   device's own rate, where it is below 48 kHz; `getSettings()` has the rate
 *   after echo cancellation. Firefox tells none; what Safari tells is not known.
 * - A low rate alone proves nothing: some webcams' microphones have 16 kHz. With
 *   a loudspeaker in the same group (`groupId`) it is a headset.
 */
export interface MicrophoneTraits {
  readonly label: string;
  /** The group of devices it belongs to; empty if the browser does not tell. */
  readonly group: string;
  /** The device's own, in Hz, as far as the browser tells. */
  readonly sampleRate: number | undefined;
}

/** What a browser tells of a microphone. */
export function microphoneTraits(track: MediaStreamTrack): MicrophoneTraits {
  const { groupId = '', sampleRate } = track.getSettings();
  // Firefox had no such method before 132.
  const { getCapabilities } = track as Partial<MediaStreamTrack>;
  const least = getCapabilities?.call(track).sampleRate?.min;
  return { label: track.label, group: groupId, sampleRate: least ?? sampleRate };
}

/** Whether a microphone is a headset's in its telephone profile, most likely; `devices` are all there are. */
export function hasTelephoneProfile(
  { label, group, sampleRate }: MicrophoneTraits,
  devices: readonly Device[],
): boolean {
  if (HANDS_FREE.test(label)) return true;
  if (BLUETOOTH.test(label)) return sampleRate === undefined || sampleRate < WIDE_BAND;
  if (sampleRate === undefined || sampleRate > TELEPHONE) return false;
  return devices.some((device) => device.kind === 'speaker' && isOf(group, device));
}

/** A microphone to take in place of a headset's: the computer's own; absent if none is known to be that. */
export function findBuiltIn(
  { group }: MicrophoneTraits,
  devices: readonly Device[],
): Device | undefined {
  return devices.find(
    (device) => device.kind === 'microphone' && !isOf(group, device) && BUILT_IN.test(device.label),
  );
}

function isOf(group: string, device: Device): boolean {
  return group !== '' && device.group === group;
}

const HANDS_FREE = /hands-?free|\b(HFP|HSP)\b|head unit/i;
const BLUETOOTH = /bluetooth/i;
/** As the systems call it in the languages there are, and what Chromium adds. */
const BUILT_IN =
  /built-?in|internal|macbook|microphone array|realtek|incorporad|integrad|interno|varios micrófonos/i;

// In Hz.
/** The telephone profile's best, but for a few headsets'. */
const TELEPHONE = 16_000;
/** No telephone profile has it, except newer ones that sound well. */
const WIDE_BAND = 32_000;
