//! Memory for the batched system calls, set aside once: message headers point
//! into it, and are written anew for each call.

#![allow(unsafe_code, reason = "message headers are made of raw pointers")]

use std::fmt;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockAddr, SockAddrStorage};

use crate::udp::Train;

/// Memory for one receive call.
pub struct ReceiveBatch {
    bytes: Box<[u8]>,
    addresses: Box<[SockAddrStorage]>,
    controls: Box<[ReceiveControl]>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

/// Datagrams from one sender that the kernel received together.
#[derive(Debug)]
pub struct Message<'a> {
    pub remote: SocketAddr,
    /// When they came, since the Unix epoch, if the kernel says so.
    pub received: Option<Duration>,
    /// One after the other.
    pub bytes: &'a mut [u8],
    /// The length of each datagram but the last, which may be shorter.
    pub segment_length: usize,
}

impl<'a> Message<'a> {
    /// Each of them that is not empty.
    pub fn datagrams(self) -> impl Iterator<Item = &'a mut [u8]> {
        self.bytes.chunks_mut(self.segment_length)
    }
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self {
            bytes: vec![0; RECEIVE_MESSAGES * MESSAGE_BYTES].into_boxed_slice(),
            addresses: (0..RECEIVE_MESSAGES)
                .map(|_| SockAddrStorage::zeroed())
                .collect(),
            controls: vec![ReceiveControl::default(); RECEIVE_MESSAGES].into_boxed_slice(),
            vectors: Vec::with_capacity(RECEIVE_MESSAGES),
            headers: Vec::with_capacity(RECEIVE_MESSAGES),
        }
    }
}

impl fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBatch").finish_non_exhaustive()
    }
}

impl ReceiveBatch {
    /// Headers for a call: each with room for a message, its sender's address
    /// and its control messages, all of which live as long as the batch is not
    /// touched otherwise.
    pub(crate) fn prepare(&mut self) -> &mut [libc::mmsghdr] {
        self.vectors.clear();
        self.headers.clear();
        self.vectors.extend(
            self.bytes
                .chunks_mut(MESSAGE_BYTES)
                .map(|bytes| libc::iovec {
                    iov_base: bytes.as_mut_ptr().cast(),
                    iov_len: bytes.len(),
                }),
        );
        let parts = self
            .vectors
            .iter_mut()
            .zip(&mut self.addresses)
            .zip(&mut self.controls);
        self.headers
            .extend(parts.map(|((vector, address), control)| {
                let mut header = empty_header();
                header.msg_hdr.msg_name = std::ptr::from_mut(address).cast();
                header.msg_hdr.msg_namelen = mem::size_of::<SockAddrStorage>() as libc::socklen_t;
                header.msg_hdr.msg_iov = std::ptr::from_mut(vector);
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = mem::size_of::<ReceiveControl>();
                header
            }));
        &mut self.headers
    }

    /// Whether `count` messages are as many as one call receives: more may
    /// wait.
    pub fn is_full(&self, count: usize) -> bool {
        count >= self.headers.len()
    }

    /// A message that the last call received. `None` for one that was cut
    /// short.
    pub fn message(&mut self, at: usize) -> Option<Message<'_>> {
        let header = self.headers.get(at)?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let length = header.msg_len as usize;
        let told = Told::read(&header.msg_hdr);
        let segment = told.segment_length.unwrap_or(length).max(1);
        // SAFETY: the storage is plain bytes, and the kernel wrote an address
        // of this length there.
        let address = unsafe {
            SockAddr::new(
                std::ptr::read(&raw const self.addresses[at]),
                header.msg_hdr.msg_namelen,
            )
        };
        Some(Message {
            remote: address.as_socket()?,
            received: told.received,
            bytes: &mut self.bytes[at * MESSAGE_BYTES..][..length],
            segment_length: segment,
        })
    }
}

/// Memory for one send call.
pub struct SendMessages {
    addresses: Vec<SockAddr>,
    controls: Vec<SegmentControl>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Default for SendMessages {
    fn default() -> Self {
        Self {
            addresses: Vec::with_capacity(MAX_TRAINS),
            controls: Vec::with_capacity(MAX_TRAINS),
            vectors: Vec::with_capacity(MAX_TRAINS),
            headers: Vec::with_capacity(MAX_TRAINS),
        }
    }
}

impl fmt::Debug for SendMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMessages").finish_non_exhaustive()
    }
}

impl SendMessages {
    /// Headers that send the first of `trains`, at most [`MAX_TRAINS`]. They
    /// point into the trains' bytes and into this memory, and none of it is
    /// written to by the call.
    pub(crate) fn prepare(&mut self, trains: &[Train]) -> &mut [libc::mmsghdr] {
        self.addresses.clear();
        self.controls.clear();
        self.vectors.clear();
        self.headers.clear();
        let trains = &trains[..trains.len().min(MAX_TRAINS)];
        for train in trains {
            let bytes = train.bytes;
            self.addresses.push(train.remote.into());
            self.controls.push(SegmentControl::default());
            self.vectors.push(libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            });
        }
        let parts = self
            .addresses
            .iter()
            .zip(&mut self.controls)
            .zip(&mut self.vectors)
            .zip(trains);
        self.headers
            .extend(parts.map(|(((address, control), vector), train)| {
                let mut header = empty_header();
                header.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
                header.msg_hdr.msg_namelen = address.len();
                header.msg_hdr.msg_iov = std::ptr::from_mut(vector);
                header.msg_hdr.msg_iovlen = 1;
                if (1..train.bytes.len()).contains(&train.segment_length) {
                    control.segment(&mut header.msg_hdr, train.segment_length as u16);
                }
                header
            }));
        &mut self.headers
    }
}

/// Room for what the kernel tells of a received message: the length of its
/// segments, an `int`, and when it came, a `timespec`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct ReceiveControl([u8; RECEIVE_CONTROL_BYTES]);

impl Default for ReceiveControl {
    fn default() -> Self {
        Self([0; RECEIVE_CONTROL_BYTES])
    }
}

/// Room for one control message with the length of segments, a `u16`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct SegmentControl([u8; SEGMENT_CONTROL_BYTES]);

impl Default for SegmentControl {
    fn default() -> Self {
        Self([0; SEGMENT_CONTROL_BYTES])
    }
}

impl SegmentControl {
    /// Makes `header` send its bytes as datagrams of `length` bytes.
    fn segment(&mut self, header: &mut libc::msghdr, length: u16) {
        header.msg_control = self.0.as_mut_ptr().cast();
        // SAFETY: the block is aligned for, and large enough for, a control
        // message with two bytes of data.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(2) as _;
            let control = libc::CMSG_FIRSTHDR(header);
            (*control).cmsg_level = libc::SOL_UDP;
            (*control).cmsg_type = libc::UDP_SEGMENT;
            (*control).cmsg_len = libc::CMSG_LEN(2) as _;
            libc::CMSG_DATA(control)
                .cast::<u16>()
                .write_unaligned(length);
        }
    }
}

/// What the kernel told of a received message.
#[derive(Clone, Copy, Default)]
struct Told {
    segment_length: Option<usize>,
    received: Option<Duration>,
}

impl Told {
    fn read(header: &libc::msghdr) -> Self {
        let mut told = Self::default();
        // SAFETY: the kernel filled the control block and set its length; the
        // macros stay within it, and each type of message has data of one type.
        unsafe {
            let mut control = libc::CMSG_FIRSTHDR(header);
            while !control.is_null() {
                let data = libc::CMSG_DATA(control);
                match ((*control).cmsg_level, (*control).cmsg_type) {
                    (libc::SOL_UDP, libc::UDP_GRO) => {
                        let length = data.cast::<libc::c_int>().read_unaligned();
                        told.segment_length =
                            usize::try_from(length).ok().filter(|length| *length > 0);
                    }
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                        told.received = since_epoch(data.cast::<libc::timespec>().read_unaligned());
                    }
                    _ => {}
                }
                control = libc::CMSG_NXTHDR(header, control);
            }
        }
        told
    }
}

fn since_epoch(time: libc::timespec) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanoseconds))
}

fn empty_header() -> libc::mmsghdr {
    // SAFETY: all-zero is a valid message header.
    unsafe { mem::zeroed() }
}

/// Trains in one send call.
pub(crate) const MAX_TRAINS: usize = 64;
const RECEIVE_MESSAGES: usize = 32;
/// The largest that GRO puts together.
const MESSAGE_BYTES: usize = 65_536;
/// At least what the system needs for two bytes of data.
const SEGMENT_CONTROL_BYTES: usize = 32;
/// At least what the system needs for four bytes and sixteen bytes of data.
const RECEIVE_CONTROL_BYTES: usize = 64;
