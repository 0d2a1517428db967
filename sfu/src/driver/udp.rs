//! The system calls: UDP in batches, with segmentation by the kernel in both
//! directions (GSO and GRO).

#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

use std::cell::Cell;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use super::messages::{ReceiveBatch, SendMessages};
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
        let headers = batch.prepare();
        // SAFETY: the headers point at memory of `batch`, which is borrowed
        // for the call.
        let count = unsafe {
            libc::recvmmsg(
                self.inner.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(count).or_else(|_| {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::WouldBlock {
                Ok(0)
            } else {
                Err(error)
            }
        })
    }

    /// Sends those trains of `batch` that leave from this socket's address.
    /// What the network does not take is lost, as in the network.
    pub(super) fn send(&self, batch: &TransmitBatch, messages: &mut SendMessages) {
        let mut rest = batch.trains();
        loop {
            let others = rest.iter().take_while(|train| !self.sends(train)).count();
            rest = &rest[others..];
            if rest.is_empty() {
                return;
            }
            let run = rest.iter().take_while(|train| self.sends(train)).count();
            self.send_run(batch, &rest[..run], messages);
            rest = &rest[run..];
        }
    }

    fn sends(&self, train: &Train) -> bool {
        train.path.local == self.local
    }

    fn send_run(&self, batch: &TransmitBatch, trains: &[Train], messages: &mut SendMessages) {
        let mut rest = trains;
        while !rest.is_empty() {
            if !self.can_segment.get() {
                self.send_singly(batch, rest);
                return;
            }
            match self.send_some(messages.prepare(batch, rest)) {
                Ok(count) => rest = &rest[count.max(1)..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::EIO) => {
                    tracing::warn!("the network takes no segmented datagrams; sending singly");
                    self.can_segment.set(false);
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

    fn send_some(&self, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
        // SAFETY: whatever the headers point to outlives the call, and the
        // kernel does not write to it.
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

    fn send_singly(&self, batch: &TransmitBatch, trains: &[Train]) {
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

const SEND_PATIENCE_MS: libc::c_int = 2;
const BUFFER_BYTES: libc::c_int = 4 * 1024 * 1024;
