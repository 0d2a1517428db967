/** What a URL's fragment says, which browsers never send to a server. */
export interface Fragment {
  /** `#token=…` */
  readonly token: string | undefined;
  /** Where a token is given for `#invitation=…`, a path of this server. */
  readonly tokenUrl: string | undefined;
  /** `&name=…` */
  readonly name: string | undefined;
  /** `&green-room=skip` joins at once, as automatic tests do. */
  readonly skipGreenRoom: boolean;
  /** `&lang=…` */
  readonly lang: string | undefined;
}

export function parseFragment(fragment: string): Fragment {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const field = (name: string): string | undefined => {
    const value = fields.get(name);
    return value === null || value === '' ? undefined : value;
  };
  const invitation = field('invitation');
  return {
    token: field('token'),
    tokenUrl:
      invitation === undefined
        ? undefined
        : `/demo/token?invitation=${encodeURIComponent(invitation)}`,
    name: field('name'),
    skipGreenRoom: field('green-room') === 'skip',
    lang: field('lang'),
  };
}
