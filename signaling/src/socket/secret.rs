//! Random values from the operating system.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::identity::ParticipantId;
use sfu::rtp::Ssrc;
use sfu::transport::IceCredentials;

use crate::SlotsBy;
use crate::protocol::ResumeSecret;
use crate::sdp::SlotSources;

pub(super) fn participant_id() -> ParticipantId {
    ParticipantId(number())
}

/// What relays know somebody by, of whom it says nothing: 16 hexadecimal digits.
pub(super) fn relay_user() -> String {
    format!("{:016x}", number())
}

/// For a proof of possession to sign.
pub(super) fn nonce() -> [u8; 32] {
    bytes()
}

/// For an `o=` line, whose numbers browsers read as signed.
pub(super) fn session_id() -> u64 {
    number() >> 1
}

/// 96 bits of name, behind `prefix`, and 144 of password (RFC 8445 §5.3 asks
/// for 24 and 128).
pub(super) fn ice_credentials(prefix: &str) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{prefix}{}", ice_chars::<16>()),
        password: ice_chars::<24>(),
    }
}

/// 256 bits.
pub(super) fn resume_secret() -> ResumeSecret {
    ResumeSecret::new(URL_SAFE_NO_PAD.encode(bytes::<32>())).expect("it has the form")
}

/// Synchronization sources for as many slots, all different and none zero.
pub(super) fn slot_sources(slots: SlotsBy<u16>) -> SlotsBy<Vec<SlotSources>> {
    let mut taken = HashSet::new();
    let mut fresh = || loop {
        let ssrc = Ssrc(u32::from_ne_bytes(bytes()));
        if ssrc.0 != 0 && taken.insert(ssrc) {
            return ssrc;
        }
    };
    let mut sources = |count| {
        (0..count)
            .map(|_| SlotSources {
                audio: fresh(),
                video: fresh(),
                video_rtx: fresh(),
            })
            .collect()
    };
    SlotsBy {
        people: sources(slots.people),
        screens: sources(slots.screens),
    }
}

fn number() -> u64 {
    u64::from_ne_bytes(bytes())
}

fn ice_chars<const N: usize>() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes::<N>()
        .into_iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
        .collect()
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_promised_form() {
        let credentials = ice_credentials("07");
        assert!(credentials.ufrag.starts_with("07"));
        assert_eq!(credentials.ufrag.len(), 18);
        assert_eq!(credentials.password.len(), 24);
        assert_ne!(credentials, ice_credentials("07"));
        assert!(session_id() < 1 << 63);
        assert_ne!(resume_secret(), resume_secret());

        let sources = slot_sources(SlotsBy {
            people: 24,
            screens: 2,
        });
        let sources: HashSet<_> = [sources.people, sources.screens]
            .into_iter()
            .flatten()
            .flat_map(|slot| [slot.audio, slot.video, slot.video_rtx])
            .collect();
        assert_eq!(sources.len(), 78);
    }
}
