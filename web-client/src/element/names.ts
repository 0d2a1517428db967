import type { RemoteParticipant } from '../room/participant';
import type { Messages } from './i18n';

/**
 * What to call somebody: the name it gave, or else the role, and a number if
 * several of the `others` have it. Everyone in the room sees one and the same
 * number, since it follows from the id.
 */
export function participantName(
  participant: RemoteParticipant,
  others: readonly RemoteParticipant[],
  messages: Messages,
): string {
  if (participant.name !== '') return participant.name;
  const peers = others.filter(({ role }) => role === participant.role);
  return messages.participant(
    participant.role,
    peers.length > 1 ? numberOf(participant.id) : undefined,
  );
}

/** From 100 to 999, evenly spread over ids. */
function numberOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.charCodeAt(0)) % 900;
  return 100 + hash;
}
