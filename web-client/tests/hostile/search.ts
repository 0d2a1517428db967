/** The forms in which a word could stand among bytes; whoever finds none of them can tell that it is not there. */
export function searchForms(word: string): { readonly form: string; readonly bytes: Buffer }[] {
  const utf8 = Buffer.from(word, 'utf8');
  const little = Buffer.from(word, 'utf16le');
  const escaped = JSON.stringify(word).slice(1, -1);
  const forms: [form: string, bytes: Buffer | string][] = [
    ['as it is', utf8],
    ['UTF-16, little-endian', little],
    ['UTF-16, big-endian', Buffer.from(little).swap16()],
    ['JSON', escaped],
    ['JSON, escaped beyond ASCII', escapeUnits(escaped, (unit) => unit > 0x7e)],
    ['JSON, all escaped', escapeUnits(word, () => true)],
    ['JSON, all escaped, upper case', escapeUnits(word, () => true, true)],
    ['percent-encoded', encodeURIComponent(word)],
    ['hexadecimal', utf8.toString('hex')],
    ['hexadecimal, upper case', utf8.toString('hex').toUpperCase()],
    ['reversed', Buffer.from(utf8).reverse()],
  ];
  for (const offset of [0, 1, 2]) {
    forms.push([`base64, ${offset} bytes in`, base64(utf8, offset, 'base64')]);
    forms.push([`base64url, ${offset} bytes in`, base64(utf8, offset, 'base64url')]);
  }
  return forms.map(([form, bytes]) => ({ form, bytes: Buffer.from(bytes) }));
}

/** What is certain of the base64 of a text that has `bytes` at a place `offset` modulo 3. */
function base64(bytes: Buffer, offset: number, encoding: 'base64' | 'base64url'): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString(encoding);
  return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

function escapeUnits(text: string, isEscaped: (unit: number) => boolean, upper = false): string {
  return [...Array(text.length).keys()]
    .map((at) => {
      const unit = text.charCodeAt(at);
      if (!isEscaped(unit)) return text[at] ?? '';
      const digits = unit.toString(16).padStart(4, '0');
      return `\\u${upper ? digits.toUpperCase() : digits}`;
    })
    .join('');
}
