import '../src/element/index';
import { parseFragment } from './token';

const room = document.querySelector('quiet-room');
const explanation = document.querySelector<HTMLElement>('#no-token');

function useFragment(): void {
  const { token, tokenUrl, name, skipGreenRoom, lang } = parseFragment(location.hash);
  const isInvited = (token ?? tokenUrl) !== undefined;
  if (room !== null) {
    room.name = name ?? null;
    room.skipGreenRoom = skipGreenRoom;
    // The page is in English only; the room speaks the reader's language.
    room.lang = lang ?? navigator.language;
    room.token = token ?? null;
    room.tokenUrl = tokenUrl ?? null;
    room.hidden = !isInvited;
  }
  if (explanation !== null) explanation.hidden = isInvited;
}

window.addEventListener('hashchange', useFragment);
useFragment();
