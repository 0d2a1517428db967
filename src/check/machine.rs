//! What the machine and its kernel give.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::finding::Finding;
use super::kernel;
use crate::open_files;

/// Whether the clock is kept right. Tokens and certificates have dates.
pub(super) fn clock(is_synchronized: io::Result<bool>) -> Finding {
    match is_synchronized {
        Ok(true) => Finding::ok("clock", "the kernel says that it is synchronized"),
        Ok(false) => Finding::warn(
            "clock",
            "nothing keeps it right, and tokens and certificates are refused when it is wrong; \
             run: timedatectl set-ntp true (in a container or virtual machine its host may do so)",
        ),
        Err(error) => Finding::warn(
            "clock",
            format!("the kernel does not say whether it is synchronized: {error}"),
        ),
    }
}

/// Whether as many people may connect as the settings let in. `most` is the
/// hard limit of the system: the server takes all that it is allowed.
pub(super) fn open_files(needed: u64, most: Option<u64>) -> Finding {
    match (open_files::shortage(most, needed), most) {
        (Some(shortage), _) => Finding::warn(OPEN_FILES, shortage),
        (None, Some(most)) => Finding::ok(
            OPEN_FILES,
            format!("{most} are allowed, {needed} may be needed"),
        ),
        (None, None) => Finding::ok(OPEN_FILES, "as many as are needed"),
    }
}

/// Whether a burst fits where datagrams wait. `is_privileged`: the server may
/// go beyond the limit.
pub(super) fn socket_buffers(most: io::Result<u64>, is_privileged: bool) -> Finding {
    match most {
        Ok(most) if most >= BUFFER_BYTES => Finding::ok(
            "buffers",
            format!("sockets may have {most} bytes (net.core.rmem_max)"),
        ),
        Ok(_) if is_privileged => {
            Finding::ok("buffers", "this user may go beyond net.core.rmem_max")
        }
        Ok(most) => Finding::warn(
            "buffers",
            format!(
                "sockets may have {most} bytes only, and bursts are lost when the machine is \
                 busy; run: sysctl -w net.core.rmem_max={BUFFER_BYTES} \
                 net.core.wmem_max={BUFFER_BYTES}, and put both in /etc/sysctl.d"
            ),
        ),
        Err(error) => Finding::warn("buffers", format!("net.core.rmem_max: {error}")),
    }
}

/// Whether this process may exceed the limit of buffers (`CAP_NET_ADMIN`).
pub(super) fn may_exceed_buffers() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    capabilities.is_some_and(|all| all & NET_ADMIN != 0)
}

/// `net.core.rmem_max`, in bytes.
pub(super) fn largest_buffer() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/sys/net/core/rmem_max")?;
    text.trim()
        .parse()
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// How trains of datagrams pass through the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trains {
    /// Cut when sent, joined when received.
    Both,
    /// Cut only.
    Sent,
}

/// Sends a train to ourselves.
///
/// # Errors
/// The kernel does not take it.
pub(super) fn try_train() -> io::Result<Trains> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    receiver.set_read_timeout(Some(Duration::from_secs(1)))?;
    let can_join = kernel::join(&receiver).is_ok();
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sender.connect(receiver.local_addr()?)?;
    kernel::segment(&sender, SEGMENT_BYTES)?;
    let train = [7; 3 * SEGMENT_BYTES as usize];
    sender.send(&train)?;
    let mut buffer = [0; 8 * SEGMENT_BYTES as usize];
    let first = receiver.recv(&mut buffer)?;
    if can_join && first == train.len() {
        Ok(Trains::Both)
    } else if first == usize::from(SEGMENT_BYTES) {
        Ok(Trains::Sent)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

pub(super) fn trains(tried: io::Result<Trains>) -> Finding {
    match tried {
        Ok(Trains::Both) => Finding::ok(
            "trains",
            "the kernel cuts and joins trains of datagrams (UDP GSO and GRO)",
        ),
        Ok(Trains::Sent) => Finding::warn(
            "trains",
            "the kernel cuts trains of datagrams, and joins none (UDP GRO): receiving costs \
             several times as much; use Linux 5.0 or newer",
        ),
        Err(error) => Finding::warn(
            "trains",
            format!(
                "the kernel takes no trains of datagrams (UDP GSO: {error}): sending costs three \
                 times as much; use Linux 4.18 or newer, and no sandbox in between"
            ),
        ),
    }
}

/// What the media workers ask the kernel for.
const BUFFER_BYTES: u64 = 4 * 1024 * 1024;

const OPEN_FILES: &str = "open files";
const NET_ADMIN: u64 = 1 << 12;

const SEGMENT_BYTES: u16 = 1_200;

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_clock_that_nobody_keeps_right_is_told() {
        assert_eq!(clock(Ok(true)).verdict, Verdict::Ok);
        let free = clock(Ok(false));
        assert_eq!(free.verdict, Verdict::Warn);
        assert!(
            free.to_string().contains("timedatectl set-ntp true"),
            "{free}"
        );
        let hidden = clock(Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(hidden.verdict, Verdict::Warn);
        kernel::clock_is_synchronized().expect("reading it needs no privilege");
    }

    #[test]
    fn too_few_open_files_have_a_mend() {
        assert_eq!(open_files(6_500, Some(6_500)).verdict, Verdict::Ok);
        assert_eq!(open_files(6_500, None).verdict, Verdict::Ok);
        let few = open_files(6_500, Some(4_096));
        assert_eq!(few.verdict, Verdict::Warn);
        assert!(few.to_string().contains("LimitNOFILE=6500"), "{few}");
    }

    #[test]
    fn small_buffers_have_a_mend() {
        assert_eq!(socket_buffers(Ok(BUFFER_BYTES), false).verdict, Verdict::Ok);
        assert_eq!(socket_buffers(Ok(212_992), true).verdict, Verdict::Ok);
        let small = socket_buffers(Ok(212_992), false);
        assert_eq!(small.verdict, Verdict::Warn);
        assert!(
            small.to_string().contains("sysctl -w net.core.rmem_max="),
            "{small}"
        );
        assert!(largest_buffer().expect("Linux says it") > 0);
    }

    #[test]
    fn a_kernel_without_trains_is_told() {
        assert_eq!(trains(Ok(Trains::Both)).verdict, Verdict::Ok);
        assert_eq!(trains(Ok(Trains::Sent)).verdict, Verdict::Warn);
        let none = io::ErrorKind::Unsupported;
        assert_eq!(trains(Err(none.into())).verdict, Verdict::Warn);
        assert!(try_train().is_ok(), "this kernel takes them");
    }
}
