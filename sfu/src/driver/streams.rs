//! Connections that peers have made for their media (RFC 6544).

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use io_thread::dynamic_threshold::DynamicThreshold;
use io_thread::tcp;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use slab::Slab;
use socket2::SockRef;

use crate::transport::framing::LONGEST_FRAME;
use crate::transport::{Backlog, Path, Queued, TransportProtocol};
use crate::worker::batch::TransmitBatch;

/// The connections of one worker.
#[derive(Debug)]
pub(super) struct Streams {
    epoll: OwnedFd,
    all: Slab<Stream>,
    by_path: HashMap<Path, usize>,
    /// Those that have something new to be written.
    touched: Vec<usize>,
    /// Those that are of no use any more.
    failed: Vec<usize>,
    left_out: u64,
    /// What waits for all of them.
    threshold: DynamicThreshold,
    next_look: Instant,
}

#[derive(Debug)]
struct Stream {
    socket: tcp::Socket,
    path: Path,
    /// The start of a frame whose rest is still to come, and since when.
    partial: Vec<u8>,
    partial_since: Option<Instant>,
    backlog: Backlog,
    heard_at: Instant,
    /// The system takes no more at present, and tells when it does.
    is_blocked: bool,
    is_watched_for_room: bool,
    is_touched: bool,
    /// Nobody needs it any more: it ends when all is written, at the latest
    /// then.
    ends_at: Option<Instant>,
}

/// What has come over a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Came {
    /// So many bytes, what was kept of those before among them.
    Bytes(Path, usize),
    Nothing,
    /// The other side has closed it, or it has failed.
    End,
}

impl Streams {
    /// Those of all connections together that wait are some `most_waiting`
    /// bytes at the most.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub(super) fn new(now: Instant, most_waiting: usize) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            all: Slab::new(),
            by_path: HashMap::new(),
            touched: Vec::new(),
            failed: Vec::new(),
            left_out: 0,
            threshold: DynamicThreshold::new(most_waiting),
            next_look: now + LOOKS,
        })
    }

    /// Can be read when a connection wants something.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many datagrams were left out so far, since their connection was
    /// behind.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// When to call [`Streams::look`] next.
    pub(super) fn next_look(&self) -> Option<Instant> {
        (!self.all.is_empty()).then_some(self.next_look)
    }

    /// The path that a connection is.
    ///
    /// # Errors
    /// It has ended already.
    pub(super) fn path(stream: &TcpStream) -> io::Result<Path> {
        let local = canonical(stream.local_addr()?);
        Ok(Path::tcp(local, canonical(stream.peer_addr()?)))
    }

    /// The connection that is `path`.
    pub(super) fn find(&self, path: &Path) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// Takes a connection in, under a number that it has until it is removed.
    /// There must be none with its path.
    ///
    /// # Errors
    /// The system does not take it on.
    pub(super) fn add(&mut self, now: Instant, stream: TcpStream, path: Path) -> io::Result<usize> {
        // Without it a peer that vanished costs memory for some minutes.
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let socket = tcp::Socket::new(stream)?;
        let entry = self.all.vacant_entry();
        let key = entry.key();
        epoll::add(
            &self.epoll,
            &socket,
            EventData::new_u64(key as u64),
            EventFlags::IN,
        )?;
        entry.insert(Stream {
            socket,
            path,
            partial: Vec::new(),
            partial_since: None,
            backlog: Backlog::default(),
            heard_at: now,
            is_blocked: false,
            is_watched_for_room: false,
            is_touched: false,
            ends_at: None,
        });
        self.by_path.insert(path, key);
        Ok(key)
    }

    /// Writes where the system takes something again, and gives the
    /// connections from which something can be read.
    pub(super) fn poll(&mut self, now: Instant) -> Vec<usize> {
        let mut events = [const { MaybeUninit::uninit() }; EVENTS];
        let at_once = Some(&Timespec::default());
        let mut readable = Vec::new();
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut events[..], at_once) else {
            return readable;
        };
        for event in events {
            let (flags, data) = (event.flags, event.data);
            let Ok(key) = usize::try_from(data.u64()) else {
                continue;
            };
            if flags.contains(EventFlags::OUT)
                && let Some(stream) = self.all.get_mut(key)
            {
                stream.is_blocked = false;
                self.write(now, key);
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                readable.push(key);
            }
        }
        readable
    }

    /// Reads into `buffer`, which begins with what [`Streams::keep`] kept.
    pub(super) fn read(&mut self, now: Instant, key: usize, buffer: &mut [u8]) -> Came {
        let Some(stream) = self.all.get_mut(key) else {
            return Came::Nothing;
        };
        let kept = stream.partial.len();
        buffer[..kept].copy_from_slice(&stream.partial);
        match stream.socket.read(&mut buffer[kept..]) {
            Ok(0) => Came::End,
            Ok(_) if stream.ends_at.is_some() => Came::Nothing,
            Ok(length) => {
                stream.heard_at = now;
                Came::Bytes(stream.path, kept + length)
            }
            Err(error) if is_later(&error) => Came::Nothing,
            Err(_) => Came::End,
        }
    }

    /// Keeps the start of a frame until its rest has come. `is_another`: it is
    /// not the frame whose start was kept before.
    pub(super) fn keep(&mut self, now: Instant, key: usize, partial: &[u8], is_another: bool) {
        let Some(stream) = self.all.get_mut(key) else {
            return;
        };
        if is_another || partial.is_empty() {
            stream.partial_since = None;
        }
        if !partial.is_empty() {
            stream.partial_since.get_or_insert(now);
        }
        stream.partial.clear();
        stream.partial.extend_from_slice(partial);
    }

    /// Sends those trains of `batch` that leave over connections. What a
    /// connection that is behind has no place for is left out.
    pub(super) fn send(&mut self, now: Instant, batch: &TransmitBatch) {
        if self.all.is_empty() {
            return;
        }
        for train in batch.trains() {
            if train.path.protocol != TransportProtocol::Tcp {
                continue;
            }
            let Some(&key) = self.by_path.get(&train.path) else {
                continue;
            };
            let stream = &mut self.all[key];
            let before = stream.backlog.len();
            stream.backlog.limit(self.threshold.of_one());
            for datagram in batch.bytes(train).chunks(train.segment_length) {
                match stream.backlog.push(now, datagram, train.importance) {
                    Queued::Waits => {}
                    Queued::LeftOut => self.left_out += 1,
                    Queued::Full => self.failed.push(key),
                }
            }
            self.threshold.change(before, stream.backlog.len());
            if !stream.is_touched {
                stream.is_touched = true;
                self.touched.push(key);
            }
        }
        while let Some(key) = self.touched.pop() {
            self.all[key].is_touched = false;
            self.write(now, key);
        }
    }

    /// Ends the connection that was `path` once all is written.
    pub(super) fn end(&mut self, now: Instant, path: &Path) {
        let Some(key) = self.by_path.remove(path) else {
            return;
        };
        let stream = &mut self.all[key];
        stream.ends_at = Some(now + FAREWELL);
        if stream.backlog.is_empty() {
            self.failed.push(key);
        }
    }

    /// Removes a connection. Gives the path that has ended with it, unless it
    /// had been given up before.
    pub(super) fn remove(&mut self, key: usize) -> Option<Path> {
        let stream = self.all.try_remove(key)?;
        self.threshold.change(stream.backlog.len(), 0);
        // The next connection may get its number.
        self.failed.retain(|failed| *failed != key);
        // Closing it takes it off the list, as it has no other descriptor.
        let is_current = self.by_path.get(&stream.path) == Some(&key);
        if is_current {
            self.by_path.remove(&stream.path);
        }
        is_current.then_some(stream.path)
    }

    /// A connection that is to be removed.
    pub(super) fn poll_failed(&mut self) -> Option<usize> {
        self.failed.pop()
    }

    /// Looks for connections that have come to nothing.
    pub(super) fn look(&mut self, now: Instant) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOKS;
        for (key, stream) in &self.all {
            if stream.is_over(now) {
                self.failed.push(key);
            }
        }
    }

    fn write(&mut self, now: Instant, key: usize) {
        let Some(stream) = self.all.get_mut(key) else {
            return;
        };
        while !stream.is_blocked && !stream.backlog.is_empty() {
            match stream.socket.write(stream.backlog.unwritten()) {
                Ok(count) => {
                    stream.backlog.advance(now, count);
                    self.threshold.change(count, 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => stream.is_blocked = true,
                Err(_) => {
                    self.failed.push(key);
                    return;
                }
            }
        }
        if stream.backlog.is_empty() && stream.ends_at.is_some() {
            self.failed.push(key);
            return;
        }
        let mut wanted = EventFlags::IN;
        wanted.set(EventFlags::OUT, stream.is_blocked);
        let data = EventData::new_u64(key as u64);
        if stream.is_watched_for_room != stream.is_blocked
            && epoll::modify(&self.epoll, &stream.socket, data, wanted).is_ok()
        {
            stream.is_watched_for_room = stream.is_blocked;
        }
    }
}

impl Stream {
    fn is_over(&self, now: Instant) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        self.ends_at.is_some_and(|at| at <= now)
            || since(self.heard_at) >= SILENCE
            || self
                .partial_since
                .is_some_and(|at| since(at) >= HALF_A_FRAME)
            || self.backlog.is_stuck(now)
    }
}

/// Of a socket for both families.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Room for what was read at once, and the start of a frame from before.
pub(super) const READ_BYTES: usize = 64 * 1024 + LONGEST_FRAME;

const EVENTS: usize = 64;
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
const LOOKS: Duration = Duration::from_secs(1);
/// Browsers check paths that they do not use every 25 s or more often.
const SILENCE: Duration = Duration::from_mins(1);
const HALF_A_FRAME: Duration = Duration::from_secs(10);
/// For the last word to somebody who leaves.
const FAREWELL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use io_thread::tcp::MOST_UNSENT;

    use super::*;
    use crate::transport::Importance;
    use crate::transport::framing::first_datagram;

    const PLENTY: usize = 64 << 20;

    /// A connection, and its other end, which reads nothing by itself.
    fn connect(streams: &mut Streams) -> (usize, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback");
        let address = listener.local_addr().expect("bound");
        let client = TcpStream::connect(address).expect("the loopback");
        let (server, _) = listener.accept().expect("a connection");
        let path = Streams::path(&server).expect("it is open");
        let key = streams.add(Instant::now(), server, path);
        (key.expect("descriptors"), client)
    }

    /// Sends so many pictures, the first bytes of which number them, in trains
    /// of four.
    fn send(streams: &mut Streams, now: Instant, key: usize, numbers: std::ops::Range<u32>) {
        let path = streams.all[key].path;
        let mut batch = TransmitBatch::new();
        for number in numbers.clone().step_by(4) {
            batch.push(path, 1100, Importance::Picture, |bytes| {
                for number in number..(number + 4).min(numbers.end) {
                    let mut picture = vec![1; 1100];
                    picture[..2].copy_from_slice(&[0x80, 96]);
                    picture[2..6].copy_from_slice(&number.to_be_bytes());
                    bytes.extend(picture);
                }
            });
            streams.send(now, &batch);
            batch.clear();
        }
    }

    #[test]
    fn what_a_slow_reader_has_no_time_for_waits_where_it_can_be_left_out() {
        let now = Instant::now();
        let mut streams = Streams::new(now, PLENTY).expect("descriptors");
        let (key, mut client) = connect(&mut streams);
        client.set_nonblocking(true).expect("it can be");

        // More than all buffers hold.
        send(&mut streams, now, key, 0..8000);
        let unsent = streams.all[key].socket.unsent().expect("it is open");
        assert!(unsent <= MOST_UNSENT, "{unsent} bytes wait in the system");
        let waiting = streams.all[key].backlog.len();
        assert!(waiting > 100_000, "{waiting} bytes wait here");
        assert!(streams.left_out() > 1000);
        assert_eq!(streams.threshold.used(), waiting);
        let given = 8000 - streams.left_out();

        // Nothing that was given a place is lost, and nothing stands still.
        let mut bytes = Vec::new();
        let mut memory = vec![0; 1 << 16];
        let deadline = Instant::now() + Duration::from_secs(10);
        while bytes.len() < given as usize * 1102 {
            assert!(Instant::now() < deadline, "{} bytes have come", bytes.len());
            match client.read(&mut memory) {
                Ok(count) => bytes.extend_from_slice(&memory[..count]),
                Err(_) => assert_eq!(streams.poll(now), []),
            }
        }
        assert_eq!(streams.threshold.used(), 0);
        let mut rest = &bytes[..];
        let mut last = None;
        while let Some(range) = first_datagram(rest).expect("whole frames") {
            let number = rest[range.start + 2..range.start + 6].try_into();
            let number = u32::from_be_bytes(number.expect("four bytes"));
            assert!(last < Some(number));
            last = Some(number);
            rest = &rest[range.end..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn slow_readers_share_a_memory_that_is_bounded() {
        const MOST: usize = 1 << 20;
        let now = Instant::now();
        let mut streams = Streams::new(now, MOST).expect("descriptors");
        let connections: Vec<_> = (0..20).map(|_| connect(&mut streams)).collect();

        for (key, _) in &connections {
            send(&mut streams, now, *key, 0..8000);
        }

        let lengths = connections
            .iter()
            .map(|(key, _)| streams.all[*key].backlog.len());
        let sum: usize = lengths.clone().sum();
        assert_eq!(streams.threshold.used(), sum);
        assert!((MOST / 2..MOST + 64 * 1024).contains(&sum), "{sum}");
        assert!(lengths.min() > Some(10_000), "the last has a place too");

        for (key, _) in &connections {
            streams.remove(*key);
        }
        assert_eq!(streams.threshold.used(), 0);
    }
}
