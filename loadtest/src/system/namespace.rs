//! A network of the test's own: some servers ignore loopback addresses, so
//! where it may, the tool moves itself into a new network namespace with one
//! more address. Nothing sent there leaves the machine.

#![allow(unsafe_code, reason = "unshare and geteuid have no safe interface")]

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// Where servers and clients are, for the whole run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// The address of servers' media and of all clients.
    pub address: IpAddr,
    /// Whether the network is the test's own.
    pub is_private: bool,
}

impl Network {
    pub const LOOPBACK: Self = Self {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        is_private: false,
    };

    /// Moves this process into a network of its own, if it may; else stays on
    /// loopback. To be called before any thread or socket exists.
    pub fn enter() -> Self {
        match enter() {
            Ok(()) => Self {
                address: IpAddr::V4(PRIVATE_ADDRESS),
                is_private: true,
            },
            Err(_) => Self::LOOPBACK,
        }
    }
}

fn enter() -> io::Result<()> {
    // SAFETY: takes and changes nothing.
    if unsafe { libc::geteuid() } != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // Looked for first: after `unshare` there is no way back.
    ip(&["-V"])?;
    // SAFETY: only changes this process's network, and it has no thread yet.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let address = format!("{PRIVATE_ADDRESS}/24");
    ip(&["link", "set", "lo", "up"])?;
    ip(&[
        "link", "add", "media0", "type", "veth", "peer", "name", "media1",
    ])?;
    ip(&["address", "add", &address, "dev", "media0"])?;
    ip(&["link", "set", "media0", "up"])?;
    ip(&["link", "set", "media1", "up"])
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))
    }
}

const PRIVATE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
