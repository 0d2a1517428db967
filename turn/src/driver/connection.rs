//! A client's connection over TCP or TLS.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use io_thread::tcp::{self, MOST_UNSENT};
use rustls::ServerConnection;
use socket2::{SockRef, TcpKeepalive};

use super::Stream;
use crate::framing::frame_length;
use crate::{FiveTuple, Transport};

/// A connection whose client may not read as fast as there is something for it.
pub(super) struct Connection {
    pub(super) client: FiveTuple,
    socket: tcp::Socket,
    tls: Option<Box<ServerConnection>>,
    /// What the kernel, or TLS, does not take yet.
    waiting: VecDeque<u8>,
    /// Bytes that TLS has made of data, and the kernel does not take yet.
    encrypted: usize,
    /// Since when there has been something.
    behind_since: Option<Instant>,
    /// Whether the thread is told when the kernel takes more.
    pub(super) is_watched: bool,
}

/// The connection is over, or no good.
#[derive(Debug)]
pub(super) struct Ended;

/// What became of a train.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Taken,
    /// Some or all of it was left out, in whole messages, as too much waits.
    LeftOut,
}

impl Connection {
    /// Makes a connection ready.
    ///
    /// # Errors
    /// It has ended already.
    pub(super) fn new(stream: Stream) -> io::Result<Self> {
        let Stream { stream, tls, .. } = stream;
        let transport = if tls.is_some() {
            Transport::Tls
        } else {
            Transport::Tcp
        };
        let client = FiveTuple {
            transport,
            server: canonical(stream.local_addr()?),
            client: canonical(stream.peer_addr()?),
        };
        let options = SockRef::from(&stream);
        options.set_tcp_user_timeout(Some(SILENCE))?;
        let keepalive = TcpKeepalive::new().with_time(SILENCE);
        options.set_tcp_keepalive(&keepalive)?;
        Ok(Self {
            client,
            socket: tcp::Socket::new(stream)?,
            tls,
            waiting: VecDeque::new(),
            encrypted: 0,
            behind_since: None,
            is_watched: false,
        })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.socket.inner()
    }

    /// Bytes that wait here, encrypted or not.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.encrypted
    }

    /// Reads what has come, a bounded amount at a time, and hands it on.
    ///
    /// # Errors
    /// The client has closed it, or does not speak TLS as it should.
    pub(super) fn receive(
        &mut self,
        memory: &mut [u8],
        mut on_bytes: impl FnMut(&[u8]),
    ) -> Result<(), Ended> {
        let Some(tls) = self.tls.as_mut() else {
            if let Some(count) = read(&mut self.socket, memory)? {
                on_bytes(&memory[..count]);
            }
            return Ok(());
        };
        // What came with the last bytes of the handshake.
        let mut is_over = decrypted(tls, &mut on_bytes)?;
        let count = read(&mut self.socket, memory)?.unwrap_or(0);
        let mut encrypted = &memory[..count];
        while !encrypted.is_empty() && !is_over {
            let processed = match tls.read_tls(&mut encrypted) {
                Ok(0) | Err(_) => Err(Ended),
                Ok(_) => tls.process_new_packets().or(Err(Ended)),
            };
            if processed.is_err() {
                // There may be an alert that says why.
                let _ = tls.write_tls(&mut self.socket);
            }
            processed?;
            is_over = decrypted(tls, &mut on_bytes)?;
        }
        if is_over { Err(Ended) } else { self.flush() }
    }

    /// Sends messages, or has them wait: of data no more than `most_waiting`
    /// bytes, and what is left of a message. What TLS has encrypted counts.
    ///
    /// # Errors
    /// It has ended, or even answers are too many for it.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        is_answer: bool,
        most_waiting: usize,
    ) -> Result<Fate, Ended> {
        let most_waiting = most_waiting.min(MOST_WAITING);
        let mut rest = bytes;
        let mut fate = Fate::Taken;
        if self.waiting.is_empty() {
            while !rest.is_empty() {
                // TLS may encrypt in vain, and then that waits.
                let count = self.pass(&rest[..rest.len().min(most_waiting)])?;
                if count == 0 {
                    break;
                }
                rest = &rest[count..];
            }
            let room = most_waiting.saturating_sub(self.encrypted);
            if !is_answer && rest.len() > room {
                let taken = bytes.len() - rest.len();
                rest = &bytes[taken..end_of_fitting(bytes, taken, room)];
                fate = Fate::LeftOut;
            }
        } else {
            let length = self.waiting() + bytes.len();
            if is_answer && length > WITH_ANSWERS * MOST_WAITING {
                return Err(Ended);
            }
            let is_late = || self.behind_since.is_some_and(|at| at.elapsed() > PATIENCE);
            if !is_answer && (length > most_waiting || is_late()) {
                return Ok(Fate::LeftOut);
            }
        }
        if !rest.is_empty() {
            self.waiting.extend(rest);
            self.behind_since.get_or_insert_with(Instant::now);
        }
        Ok(fate)
    }

    /// Sends what waits, as far as the kernel takes it.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
        while !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            let passed = self.pass(waiting.as_slices().0);
            self.waiting = waiting;
            match passed? {
                0 => return Ok(()),
                count => drop(self.waiting.drain(..count)),
            }
        }
        self.behind_since = None;
        if self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
        self.pass_encrypted()
    }

    /// Whether anything waits for the kernel.
    pub(super) fn has_waiting(&self) -> bool {
        let encrypted = self.tls.as_ref();
        !self.waiting.is_empty() || encrypted.is_some_and(|tls| tls.wants_write())
    }

    /// Says goodbye, if the client listens.
    pub(super) fn close(mut self) {
        let _ = self.flush();
        if let Some(tls) = self.tls.as_mut() {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
    }

    /// Gives bytes to the kernel, through TLS if there is any; how many it has
    /// taken.
    fn pass(&mut self, bytes: &[u8]) -> Result<usize, Ended> {
        let Some(tls) = self.tls.as_mut() else {
            return taken(self.socket.write(bytes));
        };
        // No more is encrypted than can leave, so that what waits is bounded.
        if tls.wants_write() {
            self.pass_encrypted()?;
        }
        let tls = self.tls.as_mut().ok_or(Ended)?;
        if tls.is_handshaking() || tls.wants_write() {
            return Ok(0);
        }
        let bytes = &bytes[..bytes.len().min(MOST_UNSENT)];
        let count = taken(tls.writer().write(bytes))?;
        self.encrypted = count + OF_A_RECORD;
        self.pass_encrypted()?;
        Ok(count)
    }

    fn pass_encrypted(&mut self) -> Result<(), Ended> {
        let Some(tls) = self.tls.as_mut() else {
            return Ok(());
        };
        while tls.wants_write() {
            let count = taken(tls.write_tls(&mut self.socket))?;
            if count == 0 {
                return Ok(());
            }
            self.encrypted = self.encrypted.saturating_sub(count);
        }
        self.encrypted = 0;
        Ok(())
    }
}

/// Where the messages end that are to wait: the one of which some was `taken`,
/// and as many more as have room.
fn end_of_fitting(messages: &[u8], taken: usize, most_waiting: usize) -> usize {
    let mut end = 0;
    while let Ok(Some(length)) = frame_length(&messages[end..]) {
        if end >= taken && end + length > taken + most_waiting {
            return end;
        }
        end = (end + length).min(messages.len());
    }
    messages.len()
}

/// What there is to be read; `None` if nothing has come.
fn read(stream: &mut impl Read, memory: &mut [u8]) -> Result<Option<usize>, Ended> {
    match stream.read(memory) {
        Ok(0) => Err(Ended),
        Ok(count) => Ok(Some(count)),
        Err(error) if is_for_later(&error) => Ok(None),
        Err(_) => Err(Ended),
    }
}

/// Hands on what TLS has decrypted; whether the client has said goodbye.
fn decrypted(tls: &mut ServerConnection, on_bytes: &mut impl FnMut(&[u8])) -> Result<bool, Ended> {
    let mut memory = [0; 4096];
    loop {
        match tls.reader().read(&mut memory) {
            Ok(0) => return Ok(true),
            Ok(count) => on_bytes(&memory[..count]),
            Err(error) if is_for_later(&error) => return Ok(false),
            Err(_) => return Err(Ended),
        }
    }
}

/// How much was taken; nothing if it is to be tried later.
fn taken(written: io::Result<usize>) -> Result<usize, Ended> {
    match written {
        Ok(count) => Ok(count),
        Err(error) if is_for_later(&error) => Ok(0),
        Err(_) => Err(Ended),
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// A socket of both families gives IPv4 addresses as IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Media that has waited for longer than this takes on most lines is late. An
/// answer has room beyond, since over a connection nobody asks again.
const MOST_WAITING: usize = 64 * 1024;
const WITH_ANSWERS: usize = 3;
/// What a TLS record has beside the data (RFC 8446 §5.2): a head, a type, and
/// what authenticates it. 16 kB are one record.
const OF_A_RECORD: usize = 22;
/// Whoever has not caught up for as long gets more by catching up than by data
/// that is later still.
const PATIENCE: Duration = Duration::from_millis(600);
/// Memory that a connection keeps when nothing waits.
const KEPT: usize = 4 * 1024;
/// What is sent and not acknowledged for as long ends a connection.
const SILENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Arc;

    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

    use super::*;

    fn pair() -> (Connection, TcpStream) {
        connect(None)
    }

    fn connect(tls: Option<Box<ServerConnection>>) -> (Connection, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback");
        let address = listener.local_addr().expect("bound");
        let client = TcpStream::connect(address).expect("the loopback");
        let (stream, _) = listener.accept().expect("a connection");
        let stream = Stream {
            stream,
            tls,
            received: Vec::new(),
        };
        (Connection::new(stream).expect("it is open"), client)
    }

    /// A connection over TLS, with the handshake done, and what its client gets
    /// of it, encrypted as it comes.
    fn tls_pair() -> (Connection, TcpStream) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name");
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("there are some")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .expect("they belong together");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("it is one");
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("there are some")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = ClientConnection::new(Arc::new(client), name).expect("it is good");
        let server = ServerConnection::new(Arc::new(server)).expect("it is good");
        let (mut connection, mut client) = connect(Some(Box::new(server)));
        client.set_nonblocking(true).expect("it can be");
        let mut memory = vec![0; 1 << 16];
        let is_shaking = |connection: &Connection| {
            let tls = connection.tls.as_ref();
            tls.is_some_and(|tls| tls.is_handshaking())
        };
        while tls.is_handshaking() || is_shaking(&connection) || connection.has_waiting() {
            let _ = tls.complete_io(&mut client);
            connection.receive(&mut memory, |_| {}).expect("it is open");
        }
        while client.read(&mut memory).is_ok() {}
        (connection, client)
    }

    /// Reads all that the kernel has, of either side; gives how much it was.
    fn drain(connection: &Connection, client: &mut TcpStream) -> usize {
        let mut memory = vec![0; 1 << 16];
        let mut sum = 0;
        loop {
            let is_all = connection.socket.unsent().expect("it is open") == 0;
            while let Ok(count) = client.read(&mut memory) {
                assert!(count > 0, "it is open");
                sum += count;
            }
            if is_all {
                return sum;
            }
        }
    }

    /// On a channel.
    fn message(number: u32) -> Vec<u8> {
        let head = [0x40, 0, 0x04, 0xB0];
        [&head[..], &number.to_be_bytes().repeat(300)].concat()
    }

    /// Sends trains of fifty messages until some is left out.
    fn fill(connection: &mut Connection, most_waiting: usize) -> u32 {
        let mut number: u32 = 0;
        loop {
            let train: Vec<_> = (0..50).flat_map(|at| message(number + at)).collect();
            number += 50;
            match connection.write(&train, false, most_waiting) {
                Ok(Fate::Taken) => assert!(number < 1_000_000, "nothing waits"),
                Ok(Fate::LeftOut) => return number,
                Err(Ended) => panic!("it has ended"),
            }
        }
    }

    #[test]
    fn of_a_train_no_more_waits_than_there_is_room_for_and_in_whole_messages() {
        let (mut connection, mut client) = pair();

        let all = fill(&mut connection, 8000);

        assert!((1..=8000).contains(&connection.waiting()));
        let mut came = [0; 1204];
        let mut received = 0;
        while connection.has_waiting() || received == 0 {
            client.read_exact(&mut came).expect("it is open");
            assert_eq!(came[..], message(received));
            received += 1;
            connection.flush().expect("it is open");
        }
        assert!(received < all);
    }

    #[test]
    fn where_memory_is_short_a_connection_that_waits_takes_answers() {
        let (mut connection, _client) = pair();
        fill(&mut connection, MOST_WAITING);

        let written = connection.write(MESSAGE, false, 4096);
        assert_eq!(written.ok(), Some(Fate::LeftOut));
        let written = connection.write(MESSAGE, true, 4096);
        assert_eq!(written.ok(), Some(Fate::Taken));

        // Not without end.
        let answers = (0..10_000).take_while(|_| connection.write(MESSAGE, true, 4096).is_ok());
        assert!((1000..2000).contains(&answers.count()));
    }

    #[test]
    fn what_tls_has_encrypted_is_counted_and_bounded_too() {
        for most_waiting in [MOST_WAITING, 4096] {
            let (mut connection, mut client) = tls_pair();
            // The kernel has room for another part of a record each time.
            for round in 0..40 {
                let mut memory = vec![0; 70_000 + 1777 * round];
                let _ = client.read(&mut memory);
                connection.flush().expect("it is open");
                fill(&mut connection, most_waiting);

                let waiting = connection.waiting();
                let most = most_waiting + 1204 + OF_A_RECORD;
                assert!((1..=most).contains(&waiting), "{waiting}");
            }
            let waiting = connection.waiting();
            drain(&connection, &mut client);
            let mut left = 0;
            while connection.has_waiting() {
                connection.flush().expect("it is open");
                left += drain(&connection, &mut client);
            }
            let records = 2 + waiting / MOST_UNSENT;
            assert!(
                waiting.abs_diff(left) <= records * OF_A_RECORD,
                "{left} were left of {waiting}"
            );
            assert_eq!(connection.waiting(), 0);
        }
    }

    #[test]
    fn what_is_begun_is_finished() {
        let train: Vec<_> = (0..5).flat_map(message).collect();
        for (taken, most_waiting, messages) in [
            (0, 1203, 0),
            (0, 1204, 1),
            (1, 10, 1),
            (1, 1203, 1),
            (1, 2407, 2),
            (1204, 1204, 2),
            (5000, 1, 5),
        ] {
            let end = end_of_fitting(&train, taken, most_waiting);
            assert_eq!(end, messages * 1204, "{taken} {most_waiting}");
        }
    }

    /// An answer, or data.
    const MESSAGE: &[u8] = &[1; 100];
}
