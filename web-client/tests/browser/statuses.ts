/** Runs in the page: keeps what is said of the session's state, one after the other, as `said`. */
export function keepStatuses(): void {
  const root = document.querySelector('quiet-room')!.shadowRoot!;
  const said: string[] = [];
  Object.assign(window, { said });
  const note = (): void => {
    const status = root.querySelector('.status')?.textContent ?? '';
    if (said.at(-1) !== status) said.push(status);
  };
  new MutationObserver(note).observe(root, { subtree: true, childList: true, characterData: true });
}

/** Runs in the page: what {@link keepStatuses} has kept. */
export function statuses(): string[] {
  return Reflect.get(window, 'said') as string[];
}
