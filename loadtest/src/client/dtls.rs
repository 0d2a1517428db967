//! DTLS-SRTP (RFC 5763, RFC 5764), always as the client, by the `rtc-dtls`
//! crate.
//!
//! The crate gives up for good on a few handshakes in a hundred when
//! datagrams are lost. That is the client's failure, not the server's:
//! callers start over and count it apart.

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use ring::digest::{SHA256, digest};
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use rtc_srtp::crypto;

use super::srtp::{Profile, Session};

/// A certificate and its key, for all participants of a run.
#[derive(Clone)]
pub struct Identity {
    certificate: Certificate,
    pub fingerprint: Fingerprint,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// The SHA-256 of a certificate, as session descriptions have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(pub [u8; 32]);

/// A client's handshake.
pub struct Handshake {
    endpoint: Endpoint,
    remote: SocketAddr,
    started: Instant,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

impl Identity {
    /// # Errors
    /// The certificate cannot be made.
    pub fn generate() -> Result<Self, Error> {
        let provider =
            crypto::default_provider().map_err(|error| Error::Other(error.to_string()))?;
        let certificate = Certificate::generate_self_signed(
            vec!["participant.invalid".to_owned()],
            provider.crypto(),
        )?;
        let fingerprint = Fingerprint::of(&certificate.certificate[0]);
        Ok(Self {
            certificate,
            fingerprint,
        })
    }
}

impl Fingerprint {
    fn of(certificate: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(hash)
    }

    /// Reads the form `AB:CD:…`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        let mut parts = text.trim().split(':');
        for byte in &mut hash {
            *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(hash))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char(':')?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl Handshake {
    /// Starts a handshake with a peer that has the certificate of `expected`.
    /// Of `profiles` the peer chooses one.
    ///
    /// # Errors
    /// The settings are of no use.
    pub fn start(
        now: Instant,
        identity: &Identity,
        expected: Fingerprint,
        profiles: &[Profile],
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<Self, Error> {
        let provider =
            crypto::default_provider().map_err(|error| Error::Other(error.to_string()))?;
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![identity.certificate.clone()])
            .with_srtp_protection_profiles(profiles.iter().copied().map(to_crate).collect())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FLIGHT_INTERVAL)
            // Peers are known by their fingerprint, not by an authority.
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |certificates, _| match certificates
                .first()
            {
                Some(first) if Fingerprint::of(first) == expected => Ok(()),
                _ => Err(Error::Other("the certificate is another".into())),
            })))
            .build(true, Some(remote))?;
        let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, None);
        endpoint.connect(now, remote, Arc::new(config), None)?;
        Ok(Self {
            endpoint,
            remote,
            started: now,
        })
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|message| message.message)
    }

    /// Takes a datagram; gives the session once the handshake is done.
    ///
    /// # Errors
    /// The handshake has failed for good.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<Session>, Error> {
        let events = self
            .endpoint
            .read(now, self.remote, None, BytesMut::from(datagram))?;
        let is_done = events
            .iter()
            .any(|event| matches!(event, EndpointEvent::HandshakeComplete));
        if !is_done {
            return Ok(None);
        }
        let state = self
            .endpoint
            .get_connection_state(self.remote)
            .ok_or_else(|| Error::Other("the connection is gone".into()))?;
        let profile = from_crate(state.srtp_protection_profile())
            .ok_or_else(|| Error::Other("the peer chose no SRTP profile".into()))?;
        let length = 2 * (profile.key_length() + profile.salt_length());
        let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], length)?;
        Session::for_dtls_client(profile, material.as_ref()).map(Some)
    }

    /// Sends again what was not answered.
    ///
    /// # Errors
    /// The handshake has failed for good, or takes too long.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if now > self.started + PATIENCE {
            return Err(Error::Other("the handshake took too long".into()));
        }
        self.endpoint.handle_timeout(self.remote, now)
    }
}

/// Whether a datagram is DTLS (RFC 7983).
pub fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram, [20..=63, ..])
}

fn to_crate(profile: Profile) -> SrtpProtectionProfile {
    match profile {
        Profile::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        Profile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    }
}

fn from_crate(profile: SrtpProtectionProfile) -> Option<Profile> {
    match profile {
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => Some(Profile::AeadAes256Gcm),
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Some(Profile::AeadAes128Gcm),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Some(Profile::Aes128CmSha1_80),
        _ => None,
    }
}

const FLIGHT_INTERVAL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let fingerprint = Fingerprint(std::array::from_fn(|index| index as u8 * 7));

        assert_eq!(
            Fingerprint::parse(&fingerprint.to_string()),
            Some(fingerprint)
        );
        assert_eq!(Fingerprint::parse("AB:CD"), None);
        assert_eq!(Fingerprint::parse(&format!("{fingerprint}:00")), None);
    }
}
