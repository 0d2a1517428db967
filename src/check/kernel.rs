//! What only system calls without a safe interface tell.

#![allow(unsafe_code, reason = "adjtimex and setsockopt have no safe interface")]

use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// Whether the kernel has been told that its clock is in step with the world's.
pub(super) fn clock_is_synchronized() -> io::Result<bool> {
    // SAFETY: zeros are a request that only reads.
    let mut request: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a whole `timex` of our own.
    let state = unsafe { libc::adjtimex(&raw mut request) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(request.status & libc::STA_UNSYNC == 0)
}

/// Has the kernel cut what is sent into datagrams of this many bytes.
pub(super) fn segment(socket: &UdpSocket, bytes: u16) -> io::Result<()> {
    set_option(socket, libc::UDP_SEGMENT, bytes.into())
}

/// Has the kernel join what is received.
pub(super) fn join(socket: &UdpSocket) -> io::Result<()> {
    set_option(socket, libc::UDP_GRO, 1)
}

fn set_option(socket: &UdpSocket, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the pointer is to a `c_int` that outlives the call, which is told
    // its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            name,
            (&raw const value).cast(),
            INT_BYTES,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it is four")]
const INT_BYTES: libc::socklen_t = mem::size_of::<libc::c_int>() as libc::socklen_t;
