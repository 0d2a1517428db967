//! TCP connections of which the system holds little.
//!
//! What a slow line has no time for waits somewhere, and only where the driver
//! keeps it can some of it be left out. The system's own bound
//! (`TCP_NOTSENT_LOWAT`) is asked before a new buffer is begun, and buffers
//! grow to 64 kB, so some 80 kB could wait behind it: two seconds of a line of
//! 320 kbit/s. So the system is asked how much it holds before it is given
//! more.

#![allow(unsafe_code, reason = "SIOCOUTQNSD has no safe interface")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::SockRef;

/// A connection that never waits, and takes no more bytes than leave soon:
/// at most [`MOST_UNSENT`] of those that were written are not on their way.
#[derive(Debug)]
pub struct Socket {
    inner: TcpStream,
    /// No more than so many are unsent: those that were when the system was
    /// asked, and what was written since.
    unsent_at_most: usize,
}

impl Socket {
    /// # Errors
    /// It has ended already.
    pub fn new(inner: TcpStream) -> io::Result<Self> {
        inner.set_nonblocking(true)?;
        // Media must not wait until there is more of it.
        inner.set_nodelay(true)?;
        // So that the system tells that it takes more when half of that is
        // left, and not much earlier.
        SockRef::from(&inner).set_tcp_notsent_lowat(MOST_UNSENT as u32)?;
        Ok(Self {
            inner,
            unsent_at_most: 0,
        })
    }

    pub fn inner(&self) -> &TcpStream {
        &self.inner
    }

    /// Bytes that were written and are not on their way yet.
    ///
    /// # Errors
    /// It has ended.
    pub fn unsent(&self) -> io::Result<usize> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the call writes one `int`, which outlives it.
        let result = unsafe { libc::ioctl(self.inner.as_raw_fd(), SIOCOUTQNSD, &raw mut bytes) };
        if result == 0 {
            Ok(usize::try_from(bytes).unwrap_or(0))
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl Write for Socket {
    /// Takes some of `bytes`. With [`io::ErrorKind::WouldBlock`] the
    /// descriptor can be written to once there is room.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unsent_at_most + bytes.len() > MOST_UNSENT {
            self.unsent_at_most = self.unsent()?;
        }
        let room = MOST_UNSENT.saturating_sub(self.unsent_at_most);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.inner.write(&bytes[..bytes.len().min(room)])?;
        self.unsent_at_most += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// In bytes. A line of 320 kbit/s takes 0.4 s for it.
pub const MOST_UNSENT: usize = 16 * 1024;
/// Of `linux/sockios.h`: what was written and not sent.
const SIOCOUTQNSD: libc::Ioctl = 0x894B;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Duration;

    use super::*;

    fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback");
        let address = listener.local_addr().expect("bound");
        let client = TcpStream::connect(address).expect("the loopback");
        let (server, _) = listener.accept().expect("a connection");
        (Socket::new(server).expect("it is open"), client)
    }

    /// Writes trains of a few kB, as they come, until no more is taken.
    fn fill(socket: &mut Socket) -> usize {
        let mut written = 0;
        loop {
            match socket.write(&[7; 3000]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return written,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn the_system_holds_little_for_who_does_not_read() {
        let (mut socket, _client) = pair();

        let written = fill(&mut socket);
        // What is on its way is the reader's; give that time to be taken.
        std::thread::sleep(Duration::from_millis(50));
        let more = fill(&mut socket);

        let unsent = socket.unsent().expect("it is open");
        assert!(unsent <= MOST_UNSENT, "{unsent}");
        assert!(unsent > MOST_UNSENT / 2, "{unsent} of {written} and {more}");
    }

    #[test]
    fn who_is_told_to_wait_is_told_when_there_is_room() {
        let (mut socket, mut client) = pair();
        let mut written = fill(&mut socket);
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("it can be");

        let mut read = 0;
        let mut memory = vec![0; 1 << 20];
        for _ in 0..200 {
            while read < written {
                read += client.read(&mut memory).expect("what was written");
            }
            let mut entry = libc::pollfd {
                fd: socket.inner.as_raw_fd(),
                events: libc::POLLOUT,
                revents: 0,
            };
            // SAFETY: one valid descriptor entry is passed with its count.
            let ready = unsafe { libc::poll(&raw mut entry, 1, 5000) };
            assert_eq!(ready, 1, "nobody told, {read} of {written} were read");
            let more = fill(&mut socket);
            assert!(more > 0, "told in vain");
            written += more;
        }
    }

    #[test]
    fn a_connection_that_has_ended_takes_nothing() {
        let (mut socket, client) = pair();
        SockRef::from(&client)
            .set_linger(Some(Duration::ZERO))
            .expect("it can be");
        drop(client);

        let ended = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            let error = socket.write(&[7; 3000]).err();
            error.is_some_and(|error| error.kind() != io::ErrorKind::WouldBlock)
        });

        assert!(ended);
    }
}
