//! The system calls: UDP in batches, with segmentation by the kernel in both
//! directions (GSO and GRO).

#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

use std::cell::Cell;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Type};

use crate::worker::batch::{Train, TransmitBatch};

/// A bound UDP socket.
#[derive(Debug)]
pub(super) struct Socket {
    inner: socket2::Socket,
    local: SocketAddr,
    /// Cleared when the network card turns out not to take trains.
    can_segment: Cell<bool>,
}

impl Socket {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        grow_buffers(&socket);
        // Without it datagrams come one by one, which is slower, not wrong.
        let _ = set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
        let local = socket
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            inner: socket,
            local,
            can_segment: Cell::new(true),
        })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Fills `batch` with what has come, without waiting. Gives how many
    /// messages, each of one or more datagrams from one sender.
    pub(super) fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        let mut headers = batch.headers();
        // SAFETY: every header points at a buffer, an address and a control
        // block of `batch`, which `headers` borrows for as long as it lives.
        let count = unsafe {
            libc::recvmmsg(
                self.inner.as_raw_fd(),
                headers.list.as_mut_ptr(),
                headers.list.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::WouldBlock {
                return Ok(0);
            }
            return Err(error);
        };
        let lengths: Vec<_> = headers.list[..count]
            .iter()
            .map(|header| {
                let is_whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
                let length = if is_whole { header.msg_len as usize } else { 0 };
                (
                    length,
                    header.msg_hdr.msg_namelen,
                    segment_length(&header.msg_hdr),
                )
            })
            .collect();
        batch.lengths = lengths;
        Ok(count)
    }

    /// Sends the trains of `batch` that leave from this socket's address.
    /// What the network does not take is lost, as in the network.
    pub(super) fn send(&self, batch: &TransmitBatch) {
        let trains: Vec<_> = batch
            .trains()
            .iter()
            .filter(|train| train.path.local == self.local)
            .collect();
        if !self.can_segment.get() {
            self.send_singly(batch, &trains);
            return;
        }
        let mut rest = &trains[..];
        while !rest.is_empty() {
            match self.send_some(batch, &rest[..rest.len().min(SEND_MESSAGES)]) {
                Ok(count) => rest = &rest[count.max(1)..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::EIO) => {
                    tracing::warn!("the network takes no segmented datagrams; sending singly");
                    self.can_segment.set(false);
                    self.send_singly(batch, rest);
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.wait_writable() {
                        return;
                    }
                }
                // This train cannot be sent; the others may.
                Err(_) => rest = &rest[1..],
            }
        }
    }

    fn send_some(&self, batch: &TransmitBatch, trains: &[&Train]) -> io::Result<usize> {
        let addresses: Vec<SockAddr> = trains
            .iter()
            .map(|train| train.path.remote.into())
            .collect();
        let mut vectors: Vec<libc::iovec> = trains
            .iter()
            .map(|train| {
                let bytes = batch.bytes(train);
                libc::iovec {
                    iov_base: bytes.as_ptr().cast_mut().cast(),
                    iov_len: bytes.len(),
                }
            })
            .collect();
        let mut controls = vec![SegmentControl::default(); trains.len()];
        let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(trains.len());
        for (at, train) in trains.iter().enumerate() {
            // SAFETY: all-zero is a valid message header.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = addresses[at].as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = addresses[at].len();
            header.msg_hdr.msg_iov = &raw mut vectors[at];
            header.msg_hdr.msg_iovlen = 1;
            if train.range.len() > train.segment_length {
                controls[at].segment(&mut header.msg_hdr, train.segment_length as u16);
            }
            headers.push(header);
        }
        // SAFETY: the headers point into `addresses`, `vectors`, `controls`
        // and `batch`, all of which outlive the call and none of which the
        // kernel writes to.
        let count = unsafe {
            libc::sendmmsg(
                self.inner.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn send_singly(&self, batch: &TransmitBatch, trains: &[&Train]) {
        for train in trains {
            let address = train.path.remote.into();
            for datagram in batch.bytes(train).chunks(train.segment_length) {
                let _ = self.inner.send_to(datagram, &address);
            }
        }
    }

    /// Gives the kernel a moment to drain a full send buffer.
    fn wait_writable(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.inner.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: one valid descriptor entry is passed with its count.
        unsafe { libc::poll(&raw mut poll, 1, SEND_PATIENCE_MS) == 1 }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// Memory for one receive call.
pub(super) struct ReceiveBatch {
    bytes: Box<[u8]>,
    addresses: Box<[SockAddrStorage]>,
    controls: Box<[SegmentControl]>,
    /// Of each received message: its length, its address's, its segments'.
    lengths: Vec<(usize, libc::socklen_t, Option<usize>)>,
}

impl ReceiveBatch {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; RECEIVE_MESSAGES * MESSAGE_BYTES].into_boxed_slice(),
            addresses: (0..RECEIVE_MESSAGES)
                .map(|_| SockAddrStorage::zeroed())
                .collect(),
            controls: vec![SegmentControl::default(); RECEIVE_MESSAGES].into_boxed_slice(),
            lengths: Vec::with_capacity(RECEIVE_MESSAGES),
        }
    }

    /// The sender of a received message and its datagrams.
    pub(super) fn message(
        &mut self,
        at: usize,
    ) -> Option<(SocketAddr, impl Iterator<Item = &mut [u8]>)> {
        let &(length, address_length, segment) = self.lengths.get(at)?;
        // SAFETY: the storage is plain bytes, and the kernel wrote an address
        // of this length there.
        let address = unsafe {
            SockAddr::new(
                std::ptr::read(&raw const self.addresses[at]),
                address_length,
            )
        };
        let bytes = &mut self.bytes[at * MESSAGE_BYTES..][..length];
        let segment = segment.unwrap_or(length).max(1);
        Some((address.as_socket()?, bytes.chunks_mut(segment)))
    }

    fn headers(&mut self) -> Headers<'_> {
        let mut vectors: Vec<libc::iovec> = self
            .bytes
            .chunks_mut(MESSAGE_BYTES)
            .map(|bytes| libc::iovec {
                iov_base: bytes.as_mut_ptr().cast(),
                iov_len: bytes.len(),
            })
            .collect();
        let list = vectors
            .iter_mut()
            .zip(&mut self.addresses)
            .zip(&mut self.controls)
            .map(|((vector, address), control)| {
                // SAFETY: all-zero is a valid message header.
                let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
                header.msg_hdr.msg_name = std::ptr::from_mut(address).cast();
                header.msg_hdr.msg_namelen = mem::size_of::<SockAddrStorage>() as libc::socklen_t;
                header.msg_hdr.msg_iov = std::ptr::from_mut(vector);
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = mem::size_of::<SegmentControl>();
                header
            })
            .collect();
        Headers {
            list,
            _vectors: vectors,
            _batch: std::marker::PhantomData,
        }
    }
}

/// Message headers that point into a [`ReceiveBatch`].
struct Headers<'a> {
    list: Vec<libc::mmsghdr>,
    _vectors: Vec<libc::iovec>,
    _batch: std::marker::PhantomData<&'a mut ReceiveBatch>,
}

/// Room for one control message about segments: a `u16` when sending, an
/// `int` when receiving.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct SegmentControl([u8; CONTROL_BYTES]);

impl Default for SegmentControl {
    fn default() -> Self {
        Self([0; CONTROL_BYTES])
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

fn segment_length(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel filled the control block and set its length; the
    // macros stay within it.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_UDP && (*control).cmsg_type == libc::UDP_GRO {
                let length = libc::CMSG_DATA(control)
                    .cast::<libc::c_int>()
                    .read_unaligned();
                return usize::try_from(length).ok().filter(|length| *length > 0);
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// Waits until one of `descriptors` can be read, or `timeout` is over.
pub(super) fn wait_readable<'a>(
    descriptors: impl Iterator<Item = BorrowedFd<'a>>,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let mut list: Vec<libc::pollfd> = descriptors
        .map(|descriptor| libc::pollfd {
            fd: descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().cast_signed(),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let pointer = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the list and the timeout outlive the call, and the count is the
    // list's.
    let result = unsafe {
        libc::ppoll(
            list.as_mut_ptr(),
            list.len() as libc::nfds_t,
            pointer,
            std::ptr::null(),
        )
    };
    if result >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted {
        return Ok(());
    }
    Err(error)
}

/// Asks for buffers that hold a burst; without the privilege, the system's
/// limit is what we get.
fn grow_buffers(socket: &socket2::Socket) {
    if set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, BUFFER_BYTES).is_err() {
        let _ = socket.set_recv_buffer_size(BUFFER_BYTES as usize);
    }
    if set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, BUFFER_BYTES).is_err() {
        let _ = socket.set_send_buffer_size(BUFFER_BYTES as usize);
    }
}

fn set_option(
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

const RECEIVE_MESSAGES: usize = 32;
/// The largest that GRO puts together.
const MESSAGE_BYTES: usize = 65_536;
const SEND_MESSAGES: usize = 64;
const SEND_PATIENCE_MS: libc::c_int = 2;
const BUFFER_BYTES: libc::c_int = 4 * 1024 * 1024;
/// At least what the system needs for four bytes of data.
const CONTROL_BYTES: usize = 32;
