/** The token in a URL's fragment (`#token=…`), which browsers never send to a server. */
export function tokenFromFragment(fragment: string): string | undefined {
  const token = new URLSearchParams(fragment.replace(/^#/, '')).get('token');
  return token === null || token === '' ? undefined : token;
}

/** The name in a URL's fragment (`#token=…&name=…`). */
export function nameFromFragment(fragment: string): string | undefined {
  const name = new URLSearchParams(fragment.replace(/^#/, '')).get('name');
  return name === null || name === '' ? undefined : name;
}
