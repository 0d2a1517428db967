//! Nonces that need no list: each holds the time, and a signature over that,
//! the client's address and ours (RFC 8489 §9.2, §14.10).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::address::FiveTuple;

/// How old a nonce is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Age {
    /// Less than [`LIFETIME`].
    Fresh,
    Stale,
}

/// Gives out nonces and knows them again.
#[derive(Debug)]
pub(crate) struct Nonces {
    key: hmac::Key,
    begun: Instant,
}

impl Nonces {
    pub(crate) fn new(now: Instant, key: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            begun: now,
        }
    }

    /// A nonce for this client, good for [`LIFETIME`].
    pub(crate) fn issue(&self, now: Instant, client: &FiveTuple) -> [u8; LENGTH] {
        self.issued_at(self.seconds(now), client)
    }

    /// How long ago this client was given it; `None` if it was not.
    pub(crate) fn age(&self, now: Instant, client: &FiveTuple, nonce: &[u8]) -> Option<Age> {
        let encoded = nonce.strip_prefix(COOKIE)?;
        let mut bytes = [0; RAW];
        if encoded.len() != ENCODED || STANDARD_NO_PAD.decode_slice(encoded, &mut bytes) != Ok(RAW)
        {
            return None;
        }
        let [a, b, c, d, ..] = bytes;
        let seconds = u32::from_be_bytes([a, b, c, d]);
        let age = self.seconds(now).checked_sub(seconds)?;
        let is_ours: bool = self.issued_at(seconds, client).ct_eq(nonce).into();
        let is_young = u64::from(age) < LIFETIME.as_secs();
        is_ours.then_some(if is_young { Age::Fresh } else { Age::Stale })
    }

    fn issued_at(&self, seconds: u32, client: &FiveTuple) -> [u8; LENGTH] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&seconds.to_be_bytes());
        context.update(&[client.transport as u8]);
        for address in [client.client, client.server] {
            match address.ip() {
                IpAddr::V4(address) => {
                    context.update(&[4]);
                    context.update(&address.octets());
                }
                IpAddr::V6(address) => {
                    context.update(&[6]);
                    context.update(&address.octets());
                }
            }
            context.update(&address.port().to_be_bytes());
        }
        let tag = context.sign();
        let mut raw = [0; RAW];
        raw[..4].copy_from_slice(&seconds.to_be_bytes());
        raw[4..].copy_from_slice(&tag.as_ref()[..RAW - 4]);
        let mut nonce = [b'A'; LENGTH];
        nonce[..COOKIE.len()].copy_from_slice(COOKIE);
        let written = STANDARD_NO_PAD.encode_slice(raw, &mut nonce[COOKIE.len()..]);
        debug_assert_eq!(written, Ok(ENCODED));
        nonce
    }

    fn seconds(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.begun).as_secs() as u32
    }
}

/// How long a nonce is good for: so long can a request be sent again by
/// somebody who has seen it and who forges its sender's address.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);

/// The nonce cookie, and the feature that is offered: password algorithms,
/// which is bit 0, the leftmost (RFC 8489 §9.2, §18.1).
const COOKIE: &[u8] = b"obMatJos2gAAA";
/// A time, and a signature as far as it is of use.
const RAW: usize = 16;
const ENCODED: usize = 22;
const LENGTH: usize = COOKIE.len() + ENCODED;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::address::Transport;

    fn client(address: &str) -> FiveTuple {
        FiveTuple {
            transport: Transport::Udp,
            server: "192.0.2.1:3478".parse().unwrap(),
            client: address.parse().unwrap(),
        }
    }

    #[test]
    fn a_nonce_is_good_for_its_client_and_for_some_minutes() {
        let begun = Instant::now();
        let nonces = Nonces::new(begun, &[1; 32]);
        let now = begun + Duration::from_hours(30);
        let alice = client("198.51.100.1:5000");
        let nonce = nonces.issue(now, &alice);

        let age = |after, client| nonces.age(now + after, &client, &nonce);
        assert_eq!(age(Duration::ZERO, alice), Some(Age::Fresh));
        assert_eq!(age(Duration::from_secs(599), alice), Some(Age::Fresh));
        assert_eq!(age(LIFETIME, alice), Some(Age::Stale));
        assert_eq!(age(Duration::from_hours(50), alice), Some(Age::Stale));
        assert_eq!(age(Duration::ZERO, client("198.51.100.1:5001")), None);
        assert_eq!(age(Duration::ZERO, client("198.51.100.2:5000")), None);
        let over_tcp = FiveTuple {
            transport: Transport::Tcp,
            ..alice
        };
        assert_eq!(age(Duration::ZERO, over_tcp), None);
        for server in ["192.0.2.1:3479", "192.0.2.2:3478"] {
            let server = server.parse().unwrap();
            assert_eq!(age(Duration::ZERO, FiveTuple { server, ..alice }), None);
        }
        let other = Nonces::new(begun, &[2; 32]);
        assert_eq!(other.age(now, &alice, &nonce), None);
        // The clock of the monotonic kind never goes back, but be it so.
        assert_eq!(nonces.age(begun, &alice, &nonce), None);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let now = Instant::now();
        let nonces = Nonces::new(now, &[1; 32]);
        let alice = client("[2001:db8::1]:5000");
        let nonce = nonces.issue(now, &alice);

        for at in 0..nonce.len() {
            for other in *b"AB=\0\xFF" {
                let mut changed = nonce;
                changed[at] = other;
                let is_ours = nonces.age(now, &alice, &changed).is_some();
                assert_eq!(is_ours, changed == nonce);
            }
            assert_eq!(nonces.age(now, &alice, &nonce[..at]), None);
        }
    }
}
