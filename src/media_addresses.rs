//! Where the media workers listen when the settings do not say.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use thiserror::Error;

/// The machine has no address to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("media.addresses: this machine has no default route to find its address by; name one")]
pub(crate) struct NoAddress;

/// The machine's primary address and, for a server that only this machine
/// reaches, the loopback.
///
/// # Errors
/// There is neither.
pub(crate) fn by_default(loopback: bool) -> Result<Vec<IpAddr>, NoAddress> {
    choose(loopback, primary())
}

fn choose(loopback: bool, primary: Option<IpAddr>) -> Result<Vec<IpAddr>, NoAddress> {
    let addresses: Vec<_> = loopback
        .then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .into_iter()
        .chain(primary.filter(|address| !address.is_loopback() && !address.is_unspecified()))
        .collect();
    if addresses.is_empty() {
        Err(NoAddress)
    } else {
        Ok(addresses)
    }
}

/// The address that packets to the internet would leave from. Connecting a UDP
/// socket only asks the routing table; nothing is sent. The destination is one
/// that documentation uses (RFC 5737).
fn primary() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_local_server_listens_on_the_loopback_too() {
        assert_eq!(choose(true, Some(HOME)), Ok(vec![LOOPBACK, HOME]));
        assert_eq!(choose(true, None), Ok(vec![LOOPBACK]));
        assert_eq!(choose(true, Some(LOOPBACK)), Ok(vec![LOOPBACK]));
    }

    #[test]
    fn a_public_server_needs_an_address() {
        assert_eq!(choose(false, Some(HOME)), Ok(vec![HOME]));
        assert_eq!(choose(false, None), Err(NoAddress));
        assert_eq!(choose(false, Some(LOOPBACK)), Err(NoAddress));
    }
}
