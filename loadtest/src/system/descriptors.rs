//! Room for many sockets.

#![allow(unsafe_code, reason = "getrlimit and setrlimit have no safe interface")]

use std::io;

/// Raises the number of files and sockets that this process, and those it
/// starts, may have open to the most the system allows; gives the number.
///
/// # Errors
/// The system does not say.
pub fn raise_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit outlives the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Ok(before);
    }
    Ok(limit.rlim_cur)
}
