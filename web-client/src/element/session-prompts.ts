import type { Room } from '../room/room';
import type { DeviceSource } from '../media/devices';
import type { Messages } from '../i18n/messages';
import type { Prompts } from './prompts';

/** What prompts need of the element. */
export interface PromptContext {
  readonly messages: () => Messages;
  /** What to call somebody, by id. */
  readonly nameOf: (participantId: string) => string;
  readonly showPeople: () => void;
  readonly arePeopleShown: () => boolean;
  /** Turns a device on, and tells when it cannot be. */
  readonly turnOn: (source: DeviceSource) => void;
}

/** Shows as prompts what the session's rules ask of the person, and tell. */
export function promptByRules(room: Room, prompts: Prompts, context: PromptContext): void {
  const { nameOf } = context;
  const { rules } = room;
  const tell = (subject: string, text: string): void => {
    prompts.show({
      subject,
      text,
      answers: [{ label: context.messages().understood, act: () => undefined }],
    });
  };
  rules.on('asked', (source, by) => {
    const isOn =
      source === 'microphone'
        ? room.localParticipant.microphoneEnabled
        : room.localParticipant.cameraEnabled;
    if (isOn) return;
    prompts.show({
      subject: source,
      text: context.messages().asked(nameOf(by), source),
      answers: [
        {
          label: context.messages().turnOn[source],
          act: () => {
            context.turnOn(source);
          },
        },
        { label: context.messages().notNow, act: () => undefined },
      ],
    });
  });
  rules.on('muted', (source, by) => {
    tell(source, context.messages().mutedBy(nameOf(by), source));
  });
  rules.on('shareStopped', (by) => {
    tell('screen', context.messages().shareStoppedBy(nameOf(by)));
  });
  rules.on('sessionEnding', (seconds) => {
    tell('ending', context.messages().sessionEnding(minutes(seconds)));
  });
  rules.on('inactivityWarning', (seconds) => {
    prompts.show({
      subject: 'inactivity',
      text: context.messages().inactivity(seconds),
      answers: [
        {
          label: context.messages().stillHere,
          act: () => {
            rules.reportActivity();
          },
        },
      ],
    });
  });
  rules.on('permissionsChanged', (permissions) => {
    if (rules.hosting === room.localParticipant.id && permissions.has('admit')) {
      tell('hosting', context.messages().hosting);
    }
  });
  rules.on('hostingChanged', () => {
    if (rules.hosting !== room.localParticipant.id) prompts.dismiss('hosting');
  });
  rules.on('waitingListChanged', (people) => {
    if (people.length === 0 || context.arePeopleShown()) {
      prompts.dismiss('waiting');
      return;
    }
    prompts.show({
      subject: 'waiting',
      text: context.messages().somebodyWaits(people.length, people[0]?.name ?? ''),
      answers: [{ label: context.messages().showWaiting, act: context.showPeople }],
    });
  });
  room.on('localParticipantUpdated', ({ microphoneEnabled, cameraEnabled }) => {
    if (microphoneEnabled) prompts.dismiss('microphone');
    if (cameraEnabled) prompts.dismiss('camera');
  });
}

/** At least one. */
function minutes(seconds: number): number {
  return Math.max(1, Math.round(seconds / 60));
}
