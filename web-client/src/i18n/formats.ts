/** As the language lists them; by commas where the browser does not know what a clinic calls it. */
export function listed(names: readonly string[], language: string): string {
  try {
    return new Intl.ListFormat(language, { type: 'conjunction' }).format(names);
  } catch {
    return names.join(', ');
  }
}

/**
 * Hours and minutes as the person is used to in that language, by what the
 * browser says: English alone would give everybody a.m. and p.m.
 */
export function timeOfDay(time: Date, language: string): string {
  const [spoken] = parts(language);
  const locale = navigator.languages.find((tag) => parts(tag)[0] === spoken) ?? language;
  try {
    return time.toLocaleTimeString(locale, HOURS_AND_MINUTES);
  } catch {
    // A clinic may call its language as it likes.
    return time.toLocaleTimeString(undefined, HOURS_AND_MINUTES);
  }
}

function parts(tag: string): string[] {
  return tag.toLowerCase().split('-');
}

const HOURS_AND_MINUTES = { hour: '2-digit', minute: '2-digit' } as const;
