import { findBuiltIn, hasTelephoneProfile, microphoneTraits } from '../media/telephone-profile';
import type { Room } from '../room/room';
import type { Answer, Prompts } from './prompts';
import type { Messages } from '../i18n/messages';

/** What the watch needs of the element. */
export interface HeadsetContext {
  readonly messages: () => Messages;
  readonly showDevices: () => void;
}

/**
 * Tells the person as a prompt that their headset works as a telephone, once
 * for each, with the computer's own microphone to press for. The returned
 * function ends it.
 */
export function watchHeadset(room: Room, prompts: Prompts, context: HeadsetContext): () => void {
  const told = new Set<string>();
  let current: MediaStreamTrack | undefined;

  const look = async (track: MediaStreamTrack): Promise<void> => {
    const devices = await room.devices.list();
    const traits = microphoneTraits(track);
    if (track !== current || told.has(traits.label)) return;
    if (!hasTelephoneProfile(traits, devices)) return;
    told.add(traits.label);
    const messages = context.messages();
    const builtIn = findBuiltIn(traits, devices);
    const better: Answer =
      builtIn === undefined
        ? { label: messages.chooseDevice, act: context.showDevices }
        : {
            label: messages.useDevice(builtIn.label),
            act: () => {
              room.devices.choose('microphone', builtIn);
            },
          };
    const understood: Answer = { label: messages.understood, act: () => undefined };
    prompts.show({
      subject: SUBJECT,
      text: messages.telephoneProfile,
      answers: [better, understood],
    });
  };

  const note = (): void => {
    const track = room.localParticipant.audioTrack?.mediaStreamTrack;
    if (track === current) return;
    current = track;
    // It was about the one before.
    prompts.dismiss(SUBJECT);
    if (track !== undefined) void look(track);
  };

  note();
  const stop = room.on('localParticipantUpdated', note);
  return () => {
    stop();
    current = undefined;
  };
}

const SUBJECT = 'headset';
