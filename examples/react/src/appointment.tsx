import { useEffect, useRef, useState } from 'react';
import '@quietroom/client/element';
import type { QuietRoomElement, QuietRoomEventMap } from '@quietroom/client/element';
import type {} from '@quietroom/client/react';

interface AppointmentProps {
  readonly id: string;
  readonly onLeft: (words: string) => void;
}

/** A session, from the green room to the end. Taking it out of the page leaves the session. */
export function Appointment({ id, onLeft }: AppointmentProps) {
  const element = useRef<QuietRoomElement>(null);
  const [others, setOthers] = useState(0);

  useEffect(() => {
    const { current } = element;
    if (current === null) return undefined;
    let stop = (): void => undefined;
    const handleJoined = ({ detail: { room } }: QuietRoomEventMap['joined']): void => {
      const count = (): void => setOthers(room.participants.length);
      const stops = [room.on('participantJoined', count), room.on('participantLeft', count)];
      stop = () => stops.forEach((each) => each());
      count();
    };
    const handleLeft = ({ detail: { error } }: QuietRoomEventMap['left']): void => {
      stop();
      onLeft(error === undefined ? 'Goodbye.' : `${error.message} ${error.mend}`);
    };
    current.addEventListener('joined', handleJoined);
    current.addEventListener('left', handleLeft);
    return () => {
      stop();
      current.removeEventListener('joined', handleJoined);
      current.removeEventListener('left', handleLeft);
    };
  }, [onLeft]);

  return (
    <>
      <p>Others in the session: {others}</p>
      <quiet-room
        ref={element}
        className="room"
        token-url={`/appointments/${id}/token`}
        url={import.meta.env['VITE_QUIETROOM_URL'] ?? 'http://localhost:8080/v1/signal'}
      />
    </>
  );
}
