/**
 * What `event` comes from, the innermost first, up to but without whatever listens
 * to it now: what is around that, as another component's slot, is none of its own.
 */
export function pathWithin(event: Event): readonly EventTarget[] {
  const path = event.composedPath();
  const listening = event.currentTarget === null ? -1 : path.indexOf(event.currentTarget);
  return listening < 0 ? path : path.slice(0, listening);
}
