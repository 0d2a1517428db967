import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Appointment } from './appointment';
import './page.css';

function Page() {
  const [isOpen, setOpen] = useState(true);
  const [goodbye, setGoodbye] = useState('');
  return (
    <>
      <h1>Your appointment</h1>
      <p role="status">{goodbye}</p>
      {isOpen && <Appointment id="4711" onLeft={setGoodbye} />}
      <button onClick={() => setOpen(false)}>Close</button>
    </>
  );
}

createRoot(document.querySelector('#app')!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
