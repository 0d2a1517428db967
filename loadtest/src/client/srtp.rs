//! SRTP (RFC 3711, RFC 7714) by the `rtc-srtp` crate.

use std::fmt;

use bytes::BytesMut;
use rtc_shared::error::Error;
use rtc_srtp::context::Context;
use rtc_srtp::crypto;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

/// A cipher suite for media.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Profile {
    AeadAes256Gcm,
    AeadAes128Gcm,
    Aes128CmSha1_80,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes128CmSha1_80 => "AES128_CM_HMAC_SHA1_80",
        })
    }
}

impl Profile {
    /// Bytes of a master key.
    pub fn key_length(self) -> usize {
        self.to_crate().key_len()
    }

    /// Bytes of a master salt.
    pub fn salt_length(self) -> usize {
        self.to_crate().salt_len()
    }

    fn to_crate(self) -> ProtectionProfile {
        match self {
            Self::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
            Self::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            Self::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        }
    }
}

/// A master key with its salt.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

/// Both directions of a session.
pub struct Session {
    pub profile: Profile,
    inbound: Context,
    outbound: Context,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// # Errors
    /// A key or salt has not the profile's length.
    pub fn new(profile: Profile, ours: &MasterKey, theirs: &MasterKey) -> Result<Self, Error> {
        let provider =
            crypto::default_provider().map_err(|error| Error::Other(error.to_string()))?;
        let context = |master: &MasterKey| {
            Context::new(
                &master.key,
                &master.salt,
                profile.to_crate(),
                Some(srtp_replay_protection(REPLAY_WINDOW)),
                Some(srtcp_replay_protection(REPLAY_WINDOW)),
                provider.crypto(),
            )
        };
        Ok(Self {
            profile,
            inbound: context(theirs)?,
            outbound: context(ours)?,
        })
    }

    /// Splits what DTLS exported (RFC 5764 §4.2), for the client's side.
    ///
    /// # Errors
    /// The material has not the profile's length.
    pub fn for_dtls_client(profile: Profile, material: &[u8]) -> Result<Self, Error> {
        let (key, salt) = (profile.key_length(), profile.salt_length());
        if material.len() != 2 * (key + salt) {
            return Err(Error::Other("keying material of a wrong length".into()));
        }
        let (keys, salts) = material.split_at(2 * key);
        let master = |index: usize| MasterKey {
            key: keys[index * key..(index + 1) * key].to_vec(),
            salt: salts[index * salt..(index + 1) * salt].to_vec(),
        };
        Self::new(profile, &master(0), &master(1))
    }

    pub fn protect(&mut self, packet: &[u8]) -> Result<BytesMut, Error> {
        self.outbound.encrypt_rtp(packet)
    }

    pub fn unprotect(&mut self, packet: &[u8]) -> Result<BytesMut, Error> {
        self.inbound.decrypt_rtp(packet)
    }

    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Result<BytesMut, Error> {
        self.outbound.encrypt_rtcp(packet)
    }

    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<BytesMut, Error> {
        self.inbound.decrypt_rtcp(packet)
    }
}

const REPLAY_WINDOW: usize = 1024;
