/**
 * A name as it can be shown: without what nobody sees, or what turns the text
 * around it. Members choose their names freely, and may be hostile.
 */
export function shownName(name: string): string {
  return name.replace(UNSEEN, '').replace(STACKED_MARKS, '$1').replace(/\s+/g, ' ').trim();
}

/** Equal for names that look the same but for case, width and spaces. */
export function nameKey(name: string): string {
  return name
    .normalize('NFKC')
    .replace(/[\p{C}\s]/gu, '')
    .toLowerCase();
}

/**
 * Control and format characters, lone surrogates, separators of lines. Those
 * that join are kept: emoji and some scripts need them.
 */
const UNSEEN = /(?!\u200c|\u200d|[\t-\r])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]|[\u2028\u2029]/gu;

/** More than a letter of any language takes. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;
