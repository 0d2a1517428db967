import { knownLanguages } from '../i18n/languages';
import { nameKey } from '../room/name';
import type { Role } from '../signaling/protocol/Role';
import type { Messages } from '../i18n/messages';

/** Somebody who may have given a name. */
export interface Named {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/**
 * What to call somebody: the name it gave, or else the role, and a number if
 * several of the `others` have it. Everyone in the room sees one and the same
 * number, since it follows from the id. Who took another's name, `ownName` or
 * the word for a role is told apart by what the server says.
 */
export function participantName(
  participant: Named,
  others: readonly Named[],
  ownName: string,
  messages: Messages,
): string {
  const { id, name, role } = participant;
  const isAlone = (is: (other: Named) => boolean): boolean =>
    !others.some((other) => other.id !== id && is(other));
  const whoElse = messages.participant(
    role,
    isAlone((other) => other.role === role) ? undefined : numberOf(id),
  );
  if (name === '') return whoElse;
  const key = nameKey(name);
  const taken = [
    messages.you,
    ownName,
    // In any language: a role reads like one to whoever knows the word.
    ...[messages, ...knownLanguages()].flatMap((language) =>
      ROLES.map((one) => language.participant(one, undefined)),
    ),
  ];
  const isUnique =
    taken.every((one) => nameKey(one) !== key) && isAlone((other) => nameKey(other.name) === key);
  return isUnique ? name : messages.toldApart(name, whoElse);
}

/** From 100 to 999, evenly spread over ids. */
function numberOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.charCodeAt(0)) % 900;
  return 100 + hash;
}

const ROLES: readonly Role[] = ['host', 'co-host', 'client', 'observer', 'interpreter'];
