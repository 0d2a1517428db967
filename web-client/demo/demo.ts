import '../src/index';
import { nameFromFragment, tokenFromFragment } from './token';

const room = document.querySelector('quiet-room');
const explanation = document.querySelector<HTMLElement>('#no-token');

function useFragment(): void {
  const token = tokenFromFragment(location.hash);
  if (room !== null) {
    room.name = nameFromFragment(location.hash) ?? null;
    room.token = token ?? null;
    room.hidden = token === undefined;
  }
  if (explanation !== null) explanation.hidden = token !== undefined;
}

window.addEventListener('hashchange', useFragment);
useFragment();
