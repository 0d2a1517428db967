//! A client's socket: plain datagrams, in batches, with the kernel's times of
//! arrival.

#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::{Domain, Protocol, Type};

/// A bound UDP socket. It never takes joined datagrams (UDP GRO): that would
/// spare a server that sends trains the work of cutting them.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    local: SocketAddr,
}

/// Nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct WallTime(pub u64);

/// One received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// As much as the batch has room for.
    pub bytes: &'a [u8],
    /// How long it was.
    pub length: usize,
    /// When the kernel got it.
    pub at: Option<WallTime>,
}

impl Socket {
    /// Takes a free port of `address`.
    ///
    /// # Errors
    /// The address is not of this machine, or there is no free port.
    pub fn bind(address: IpAddr) -> io::Result<Self> {
        let address = SocketAddr::new(address, 0);
        let inner = socket2::Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        inner.set_nonblocking(true)?;
        inner.bind(&address.into())?;
        // Without the privilege, the system's limit is what we get.
        if set_option(&inner, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, BUFFER_BYTES).is_err() {
            let _ = inner.set_recv_buffer_size(BUFFER_BYTES as usize);
        }
        set_option(&inner, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        let local = inner
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { inner, local })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes datagrams of `remote` only, and sends there.
    ///
    /// # Errors
    /// There is no way to `remote`.
    pub fn connect(&self, remote: SocketAddr) -> io::Result<()> {
        self.inner.connect(&remote.into())
    }

    /// From now on, the kernel cuts what is sent into datagrams of so many
    /// bytes (UDP GSO); 0: sends it as it is.
    ///
    /// # Errors
    /// The kernel cannot.
    pub fn cut_into(&self, bytes: u16) -> io::Result<()> {
        set_option(&self.inner, libc::SOL_UDP, libc::UDP_SEGMENT, bytes.into())
    }

    /// Sends one datagram. What the network does not take is lost.
    pub fn send(&self, datagram: &[u8]) {
        let _ = self.inner.send(datagram);
    }

    /// Sends datagrams with as few system calls as may be; gives how many the
    /// kernel took.
    pub fn send_all<B: AsRef<[u8]>>(&self, datagrams: &[B]) -> usize {
        let mut vectors: Vec<_> = datagrams
            .iter()
            .map(|datagram| libc::iovec {
                iov_base: datagram.as_ref().as_ptr().cast_mut().cast(),
                iov_len: datagram.as_ref().len(),
            })
            .collect();
        let mut headers: Vec<_> = vectors.iter_mut().map(header).collect();
        let mut sent = 0;
        while sent < headers.len() {
            let rest = &mut headers[sent..];
            // SAFETY: the headers point at vectors, and these at datagrams,
            // that outlive the call; the kernel writes to the headers only.
            let count = unsafe {
                libc::sendmmsg(
                    self.inner.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    0,
                )
            };
            match usize::try_from(count) {
                Ok(count) if count > 0 => sent += count,
                _ => return sent,
            }
        }
        sent
    }

    /// Fills `batch` with what has come, without waiting; gives how many.
    ///
    /// # Errors
    /// The socket is broken. A peer that does not listen is no error.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        batch.reset();
        // SAFETY: the batch's headers point into its own memory, which is
        // borrowed for the call.
        let count = unsafe {
            libc::recvmmsg(
                self.inner.as_raw_fd(),
                batch.headers.as_mut_ptr(),
                batch.headers.len() as libc::c_uint,
                // With the latter, lengths are those before truncation.
                libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).or_else(|_| {
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::Interrupted
                | io::ErrorKind::ConnectionRefused => Ok(0),
                _ => Err(error),
            }
        })?;
        batch.used = count;
        Ok(count)
    }
}

/// Memory for datagrams of one `receive`.
pub struct Batch {
    bytes: Box<[u8]>,
    controls: Box<[Control]>,
    // What the headers point to: kept, and never moved.
    _vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    room: usize,
    used: usize,
}

impl Batch {
    /// Memory for datagrams of up to `room` bytes; of longer ones, the start.
    pub fn new(room: usize) -> Self {
        let mut bytes = vec![0; MESSAGES * room].into_boxed_slice();
        let mut controls = vec![Control([0; CONTROL_BYTES]); MESSAGES].into_boxed_slice();
        let mut vectors: Box<[_]> = bytes
            .chunks_exact_mut(room)
            .map(|chunk| libc::iovec {
                iov_base: chunk.as_mut_ptr().cast(),
                iov_len: room,
            })
            .collect();
        let headers = vectors
            .iter_mut()
            .zip(&mut controls)
            .map(|(vector, control)| {
                let mut header = header(vector);
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = control.0.len();
                header
            })
            .collect();
        Self {
            bytes,
            controls,
            _vectors: vectors,
            headers,
            room,
            used: 0,
        }
    }

    /// Whether there may be more to receive.
    pub fn is_full(&self) -> bool {
        self.used == self.headers.len()
    }

    /// How many datagrams there are.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Takes datagrams that came otherwise, as long as `next` gives some and
    /// there is room.
    pub fn fill<'a>(&mut self, mut next: impl FnMut() -> Option<&'a [u8]>) {
        self.reset();
        while self.used < self.headers.len()
            && let Some(bytes) = next()
        {
            let start = self.used * self.room;
            let length = bytes.len().min(self.room);
            self.bytes[start..start + length].copy_from_slice(&bytes[..length]);
            self.headers[self.used].msg_len = bytes.len() as libc::c_uint;
            self.headers[self.used].msg_hdr.msg_controllen = 0;
            self.used += 1;
        }
    }

    pub fn datagram(&self, index: usize) -> Datagram<'_> {
        let header = &self.headers[index];
        let start = index * self.room;
        let length = header.msg_len as usize;
        Datagram {
            bytes: &self.bytes[start..start + length.min(self.room)],
            length,
            at: timestamp(&self.controls[index], header.msg_hdr.msg_controllen),
        }
    }

    fn reset(&mut self) {
        for header in &mut self.headers[..self.used] {
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
            header.msg_hdr.msg_flags = 0;
        }
        self.used = 0;
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

/// Ancillary data, aligned as the kernel writes it.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

/// The only ancillary message asked for is `SCM_TIMESTAMPNS`: a `timespec`
/// after the message's header.
fn timestamp(control: &Control, length: usize) -> Option<WallTime> {
    let header = mem::size_of::<libc::cmsghdr>();
    if length < header + mem::size_of::<libc::timespec>() {
        return None;
    }
    let number = |at: usize| {
        let bytes = control.0[at..at + 8].try_into().ok()?;
        u64::try_from(i64::from_ne_bytes(bytes)).ok()
    };
    Some(WallTime(
        number(header)? * 1_000_000_000 + number(header + 8)?,
    ))
}

fn header(vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all-zero is a valid value: null pointers with zero lengths.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}

pub(super) fn set_option(
    socket: &socket2::Socket,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option's value is an `int`, passed with its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

const MESSAGES: usize = 64;
const CONTROL_BYTES: usize = 64;
const BUFFER_BYTES: libc::c_int = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn datagrams_arrive_whole_with_the_kernels_time() {
        let (a, b) = pair();
        let mut batch = Batch::new(100);

        assert_eq!(a.send_all(&[vec![1; 60], vec![2; 130]]), 2);
        let count = b.receive(&mut batch).unwrap();

        assert_eq!(count, 2);
        assert_eq!(batch.datagram(0).bytes, [1; 60]);
        assert_eq!(batch.datagram(0).length, 60);
        assert_eq!(batch.datagram(1).bytes, [2; 100]);
        assert_eq!(batch.datagram(1).length, 130);
        let first = batch.datagram(0).at.unwrap();
        assert!(first.0 > 1_700_000_000_000_000_000);
        assert!(batch.datagram(1).at.unwrap() >= first);
    }

    #[test]
    fn a_used_batch_can_be_used_again() {
        let (a, b) = pair();
        let mut batch = Batch::new(100);
        for round in 0..3 {
            a.send(&[round; 150]);
            assert_eq!(b.receive(&mut batch).unwrap(), 1);
            assert_eq!(batch.datagram(0).bytes, [round; 100]);
            assert!(batch.datagram(0).at.is_some());
        }
        assert_eq!(b.receive(&mut batch).unwrap(), 0);
    }

    fn pair() -> (Socket, Socket) {
        let a = Socket::bind(Ipv4Addr::LOCALHOST.into()).unwrap();
        let b = Socket::bind(Ipv4Addr::LOCALHOST.into()).unwrap();
        a.connect(b.local()).unwrap();
        b.connect(a.local()).unwrap();
        (a, b)
    }
}
