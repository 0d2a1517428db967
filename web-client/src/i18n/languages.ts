import { english } from './english';
import type { Messages } from './messages';
import { spanish } from './spanish';

/**
 * Makes a language known, or puts another one in the place of one that is
 * there. Elements that are in the page take it up when their `lang` changes.
 */
export function addLanguage(messages: Messages): void {
  languages.set(messages.language.toLowerCase(), messages);
}

/**
 * The texts for the first of `tags` (BCP 47) that are known, whole or by its
 * first part: `es-MX` is served by `es`. English if none is.
 */
export function messagesFor(tags: readonly string[]): Messages {
  for (const tag of tags) {
    const parts = tag.toLowerCase().split('-');
    for (let length = parts.length; length > 0; length--) {
      const messages = languages.get(parts.slice(0, length).join('-'));
      if (messages !== undefined) return messages;
    }
  }
  return english;
}

/** Every language that is known. */
export function knownLanguages(): readonly Messages[] {
  return [...languages.values()];
}

const languages = new Map<string, Messages>();
for (const messages of [english, spanish]) addLanguage(messages);
