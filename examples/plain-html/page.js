const room = document.querySelector('quiet-room');
const status = document.querySelector('#status');

room.addEventListener('joined', () => {
  status.textContent = 'You are in the session.';
});
room.addEventListener('left', ({ detail: { error } }) => {
  status.textContent = error === undefined ? 'Goodbye.' : `${error.message} ${error.mend}`;
});
