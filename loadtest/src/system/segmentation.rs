//! The bare forwarder's socket: joined datagrams in (UDP GRO), trains out
//! (UDP GSO).

#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Type};

use super::udp::set_option;

/// A bound UDP socket that takes and sends segmented datagrams.
#[derive(Debug)]
pub struct TrainSocket {
    inner: socket2::Socket,
    local: SocketAddr,
}

/// Consecutive datagrams for one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Train<'a> {
    pub to: &'a SockAddr,
    pub bytes: &'a [u8],
    /// All datagrams have this length; only the last may be shorter.
    pub segment: u16,
}

impl TrainSocket {
    /// # Errors
    /// The address is not free.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let inner = socket2::Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        inner.bind(&address.into())?;
        for (forced, size) in [
            (libc::SO_RCVBUFFORCE, BUFFER_BYTES),
            (libc::SO_SNDBUFFORCE, BUFFER_BYTES),
        ] {
            // Without the privilege, the system's limit is what we get.
            let _ = set_option(&inner, libc::SOL_SOCKET, forced, size);
        }
        set_option(&inner, libc::SOL_UDP, libc::UDP_GRO, 1)?;
        let local = inner
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { inner, local })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Waits until something has come or `patience` is over; gives whether
    /// something has.
    pub fn wait(&self, patience: Duration) -> bool {
        let mut poll = libc::pollfd {
            fd: self.inner.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let milliseconds = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: one valid descriptor entry is passed with its count.
        unsafe { libc::poll(&raw mut poll, 1, milliseconds) == 1 }
    }

    /// Hands every datagram that has come, up to a batch, to `take`.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn receive(
        &self,
        memory: &mut ReceiveMemory,
        mut take: impl FnMut(&mut [u8]),
    ) -> io::Result<usize> {
        let mut vectors: [libc::iovec; MESSAGES] = std::array::from_fn(|index| libc::iovec {
            iov_base: memory.bytes[index * ROOM..].as_mut_ptr().cast(),
            iov_len: ROOM,
        });
        let mut controls = [Control([0; CONTROL_BYTES]); MESSAGES];
        let mut headers: [libc::mmsghdr; MESSAGES] = std::array::from_fn(|index| {
            // SAFETY: all-zero is a valid value.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_iov = &raw mut vectors[index];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = controls[index].0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
            header
        });
        // SAFETY: the headers point at memory that outlives the call.
        let count = unsafe {
            libc::recvmmsg(
                self.inner.as_raw_fd(),
                headers.as_mut_ptr(),
                MESSAGES as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::Interrupted
                | io::ErrorKind::ConnectionRefused => Ok(0),
                _ => Err(error),
            };
        };
        for (index, header) in headers[..count].iter().enumerate() {
            let length = header.msg_len as usize;
            let segment = segment_size(&controls[index], header.msg_hdr.msg_controllen);
            let bytes = &mut memory.bytes[index * ROOM..index * ROOM + length];
            for datagram in bytes.chunks_mut(segment.unwrap_or(length).max(1)) {
                take(datagram);
            }
        }
        Ok(count)
    }

    /// Sends all trains, each as one segmented datagram.
    ///
    /// # Errors
    /// The kernel or the network card takes no segmented datagrams, or a
    /// receiver cannot be reached.
    pub fn send_trains(&self, trains: &[Train]) -> io::Result<()> {
        for trains in trains.chunks(MESSAGES) {
            let mut vectors: Vec<_> = trains.iter().map(|train| vector(train.bytes)).collect();
            let mut controls: Vec<_> = trains
                .iter()
                .map(|train| segment_control(train.segment))
                .collect();
            let mut headers: Vec<_> = trains
                .iter()
                .zip(&mut vectors)
                .zip(&mut controls)
                .map(|((train, vector), control)| {
                    let mut header = addressed(train.to, vector);
                    if train.bytes.len() > usize::from(train.segment) {
                        header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                        header.msg_hdr.msg_controllen = SEGMENT_CONTROL_BYTES;
                    }
                    header
                })
                .collect();
            self.send_headers(&mut headers)?;
        }
        Ok(())
    }

    /// Sends the same datagrams without segmentation, as many in one system
    /// call as for trains.
    ///
    /// # Errors
    /// A receiver cannot be reached.
    pub fn send_singly(&self, trains: &[Train]) -> io::Result<()> {
        let mut vectors: Vec<_> = trains
            .iter()
            .flat_map(|train| {
                let datagrams = train.bytes.chunks(usize::from(train.segment).max(1));
                datagrams.map(|datagram| (train.to, vector(datagram)))
            })
            .collect();
        let mut headers: Vec<_> = vectors
            .iter_mut()
            .map(|(to, vector)| addressed(to, vector))
            .collect();
        for headers in headers.chunks_mut(MESSAGES) {
            self.send_headers(headers)?;
        }
        Ok(())
    }

    fn send_headers(&self, mut headers: &mut [libc::mmsghdr]) -> io::Result<()> {
        while !headers.is_empty() {
            // SAFETY: what the headers point to outlives the call, and the
            // kernel writes to the headers only.
            let count = unsafe {
                libc::sendmmsg(
                    self.inner.as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as libc::c_uint,
                    0,
                )
            };
            match usize::try_from(count) {
                Ok(count) => headers = &mut headers[count.max(1)..],
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    // A receiver has left: only its datagrams are lost.
                    error if error.kind() == io::ErrorKind::ConnectionRefused => {
                        headers = &mut headers[1..];
                    }
                    error => return Err(error),
                },
            }
        }
        Ok(())
    }
}

/// Memory for what one `receive` takes.
#[derive(Debug)]
pub struct ReceiveMemory {
    bytes: Box<[u8]>,
}

impl Default for ReceiveMemory {
    fn default() -> Self {
        Self {
            bytes: vec![0; MESSAGES * ROOM].into_boxed_slice(),
        }
    }
}

/// Ancillary data, aligned as the kernel wants it.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

fn vector(bytes: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}

fn addressed(to: &SockAddr, vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all-zero is a valid value.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
    header.msg_hdr.msg_namelen = to.len();
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}

/// A `cmsghdr` for `UDP_SEGMENT` with its `u16`, as bytes.
fn segment_control(segment: u16) -> Control {
    let mut control = Control([0; CONTROL_BYTES]);
    let length = (CMSG_HEADER_BYTES + 2).to_ne_bytes();
    control.0[..8].copy_from_slice(&length);
    control.0[8..12].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
    control.0[12..16].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
    control.0[16..18].copy_from_slice(&segment.to_ne_bytes());
    control
}

/// The only ancillary message that comes is `UDP_GRO` with an `int`.
fn segment_size(control: &Control, length: usize) -> Option<usize> {
    if length < CMSG_HEADER_BYTES + 4 {
        return None;
    }
    let bytes = control.0[CMSG_HEADER_BYTES..CMSG_HEADER_BYTES + 4]
        .try_into()
        .ok()?;
    usize::try_from(i32::from_ne_bytes(bytes))
        .ok()
        .filter(|size| *size > 0)
}

const MESSAGES: usize = 64;
/// What a joined datagram can have at most.
const ROOM: usize = 65_536;
const CONTROL_BYTES: usize = 64;
const CMSG_HEADER_BYTES: usize = mem::size_of::<libc::cmsghdr>();
/// `CMSG_SPACE` of a `u16`.
const SEGMENT_CONTROL_BYTES: usize = CMSG_HEADER_BYTES + 8;
const BUFFER_BYTES: libc::c_int = 4 * 1024 * 1024;
