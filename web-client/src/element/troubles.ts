import { MicrophoneSilence } from '../media/microphone-silence';
import type { MicrophoneLevel } from '../media/microphone-level';
import type { DeviceSource } from '../media/devices';
import type { Room } from '../room/room';
import type { Messages } from '../i18n/messages';
import type { Answer, Prompts } from './prompts';

/** What the watch needs of the element. */
export interface TroublesContext {
  readonly messages: () => Messages;
  readonly level: MicrophoneLevel;
  readonly showDevices: () => void;
  readonly page: Document;
  /** Milliseconds on any clock. */
  readonly now: () => number;
}

/**
 * Tells the person as prompts of what goes wrong without their noticing: a microphone
 * that gives nothing, a device that another program took or that was
 * unplugged, what went on while the page was out of sight. The returned function ends it.
 */
export function watchTroubles(room: Room, prompts: Prompts, context: TroublesContext): () => void {
  const { level, page, now } = context;
  const silence = new MicrophoneSilence();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const { localParticipant } = room;
  const understood = (): Answer => ({
    label: context.messages().understood,
    act: () => undefined,
  });
  const choose = (): Answer => ({
    label: context.messages().chooseDevice,
    act: context.showDevices,
  });
  const after = (subject: string, delay: number, act: () => void): void => {
    clearTimeout(timers.get(subject));
    timers.set(subject, setTimeout(act, delay));
  };

  const noteLevel = (peak: number): void => {
    if (room.state !== 'connected' || !localParticipant.microphoneEnabled) return;
    if (!silence.update(peak, now())) return;
    if (silence.isSilent) {
      const text = context.messages().cannotHearYou;
      prompts.show({ subject: SILENCE, text, answers: [choose(), understood()] });
    } else {
      prompts.dismiss(SILENCE);
    }
  };

  let wasMicrophoneOn = false;
  const stalled = new Set<DeviceSource>();
  const noteDevices = (): void => {
    const { microphoneEnabled, microphoneStalled, cameraStalled } = localParticipant;
    if (microphoneEnabled !== wasMicrophoneOn) {
      wasMicrophoneOn = microphoneEnabled;
      silence.pause();
      prompts.dismiss(SILENCE);
    }
    noteStall('microphone', microphoneStalled);
    noteStall('camera', cameraStalled);
  };
  const noteStall = (source: DeviceSource, isStalled: boolean): void => {
    if (isStalled === stalled.has(source)) return;
    const subject = `stalled-${source}`;
    if (isStalled) {
      stalled.add(source);
      // A device that only just opens may be so for a moment.
      after(subject, STALLED_FOR, () => {
        const text = context.messages().stalled[source];
        prompts.show({ subject, text, answers: [understood(), choose()] });
      });
    } else {
      stalled.delete(source);
      clearTimeout(timers.get(subject));
      prompts.dismiss(subject);
    }
  };

  const noteAnotherMicrophone = (): void => {
    silence.reset();
    prompts.dismiss(SILENCE);
  };

  let hiddenAt: number | undefined;
  const noteVisibility = (): void => {
    if (page.hidden) {
      hiddenAt = now();
      return;
    }
    const isLong = hiddenAt !== undefined && now() - hiddenAt >= HIDDEN_FOR;
    hiddenAt = undefined;
    const { microphoneEnabled, cameraEnabled } = localParticipant;
    if (!isLong || room.state !== 'connected' || !(microphoneEnabled || cameraEnabled)) return;
    const text = context.messages().wasInBackground(microphoneEnabled, cameraEnabled);
    prompts.show({ subject: BACKGROUND, text, answers: [understood()] });
    after(BACKGROUND, SHOWN_FOR, () => {
      prompts.dismiss(BACKGROUND);
    });
  };

  const stops = [
    room.devices.on('chosen', (kind) => {
      if (kind === 'microphone') noteAnotherMicrophone();
    }),
    level.on('level', noteLevel),
    room.on('localParticipantUpdated', noteDevices),
    room.on('deviceReplaced', (_source, label) => {
      noteAnotherMicrophone();
      const text = context.messages().microphoneReplaced(label);
      prompts.show({ subject: REPLACED, text, answers: [understood(), choose()] });
      after(REPLACED, SHOWN_FOR, () => {
        prompts.dismiss(REPLACED);
      });
    }),
  ];
  page.addEventListener('visibilitychange', noteVisibility);
  noteDevices();
  return () => {
    for (const stop of stops) stop();
    for (const timer of timers.values()) clearTimeout(timer);
    page.removeEventListener('visibilitychange', noteVisibility);
  };
}

const SILENCE = 'silence';
const REPLACED = 'replaced';
const BACKGROUND = 'background';

/** In ms. */
const STALLED_FOR = 2000;
/** A glance at another page is nothing to speak of. */
const HIDDEN_FOR = 15_000;
const SHOWN_FOR = 12_000;
