//! Reading an offer.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Cursor;

use rtc_sdp::SessionDescription;
use sfu::identity::{MediaKind, Source};
use sfu::transport::{Fingerprint, IceCredentials};
use thiserror::Error;

use super::section::Section;
use crate::protocol::{PublicationSection, PublicationSource, SlotSections};
use crate::slot::SlotsBy;

/// Why an offer cannot be answered.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub struct InvalidOffer {
    mid: Option<String>,
    reason: &'static str,
}

impl InvalidOffer {
    pub(super) fn new(reason: &'static str) -> Self {
        Self { mid: None, reason }
    }

    pub(super) fn in_section(mid: &str, reason: &'static str) -> Self {
        Self {
            mid: Some(mid.to_owned()),
            reason,
        }
    }
}

impl fmt::Display for InvalidOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mid {
            Some(mid) => write!(f, "the offer's section {mid}: {}", self.reason),
            None => write!(f, "the offer: {}", self.reason),
        }
    }
}

/// What the client means a section for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Publication(PublicationSource),
    /// A half of the slot with this number; screen slots come last.
    Slot(u16, MediaKind),
}

impl Purpose {
    pub(super) fn kind(self) -> MediaKind {
        match self {
            Self::Publication(source) => source_of(source).kind(),
            Self::Slot(_, kind) => kind,
        }
    }
}

/// The media plane's name of what a publication carries.
pub(super) fn source_of(source: PublicationSource) -> Source {
    match source {
        PublicationSource::Microphone => Source::Microphone,
        PublicationSource::Camera => Source::Camera,
        PublicationSource::Screen => Source::Screen,
        PublicationSource::ScreenAudio => Source::ScreenAudio,
    }
}

/// Parses the text.
///
/// # Errors
/// It is not SDP, or too large.
pub(super) fn parse(sdp: &str) -> Result<SessionDescription, InvalidOffer> {
    if sdp.len() > MAX_BYTES {
        return Err(InvalidOffer::new("it is larger than 256 KB"));
    }
    let description = SessionDescription::unmarshal(&mut Cursor::new(sdp))
        .map_err(|_| InvalidOffer::new("it is not a session description"))?;
    if description.media_descriptions.len() > MAX_SECTIONS {
        return Err(InvalidOffer::new("it has more than 256 media sections"));
    }
    Ok(description)
}

/// The sections in order.
///
/// # Errors
/// A malformed section, or two with one `a=mid`.
pub(super) fn sections(description: &SessionDescription) -> Result<Vec<Section<'_>>, InvalidOffer> {
    let mut mids = HashSet::new();
    let mut sections = Vec::with_capacity(description.media_descriptions.len());
    for media in &description.media_descriptions {
        let section = Section::new(media)?;
        if !mids.insert(section.mid) {
            return Err(InvalidOffer::in_section(section.mid, "it is there twice"));
        }
        sections.push(section);
    }
    Ok(sections)
}

/// Joins what the client says of its sections into one map by `a=mid`.
///
/// # Errors
/// A section named twice, a source published twice, or too many slots.
pub(super) fn purposes<'a>(
    publications: &'a [PublicationSection],
    slots: SlotsBy<&'a [SlotSections]>,
    limits: SlotsBy<usize>,
) -> Result<HashMap<&'a str, Purpose>, InvalidOffer> {
    if slots.people.len() > limits.people || slots.screens.len() > limits.screens {
        return Err(InvalidOffer::new("it has more slots than it was told"));
    }
    let mut purposes = HashMap::new();
    let mut add = |mid: &'a str, purpose| match purposes.insert(mid, purpose) {
        None => Ok(()),
        Some(_) => Err(InvalidOffer::new("one section is named for two purposes")),
    };
    let mut sources = HashSet::new();
    for publication in publications {
        if !sources.insert(publication.source) {
            return Err(InvalidOffer::new("one source is published twice"));
        }
        add(&publication.mid, Purpose::Publication(publication.source))?;
    }
    let first_screen = u16::try_from(limits.people).unwrap_or(u16::MAX);
    let people = slots.people.iter().zip(0..);
    let screens = slots.screens.iter().zip(first_screen..);
    for (slot, number) in people.chain(screens) {
        add(&slot.audio, Purpose::Slot(number, MediaKind::Audio))?;
        add(&slot.video, Purpose::Slot(number, MediaKind::Video))?;
    }
    Ok(purposes)
}

/// The one transport of the bundle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RemoteTransport {
    pub(super) credentials: IceCredentials,
    pub(super) fingerprint: Fingerprint,
}

/// Reads the transport of a section, from its own lines or the session's
/// (RFC 8839 §5.4, RFC 8122 §5, RFC 8842 §5).
///
/// # Errors
/// Something is absent, malformed, or leaves the server no passive part.
pub(super) fn transport(
    description: &SessionDescription,
    section: &Section,
) -> Result<RemoteTransport, InvalidOffer> {
    let wrong = |reason| InvalidOffer::in_section(section.mid, reason);
    let value = |name| {
        section
            .value(name)
            .or_else(|| description.attribute(name).map(String::as_str))
    };
    let ice = |name, lengths: std::ops::RangeInclusive<usize>| {
        value(name)
            .filter(|text| lengths.contains(&text.len()))
            .filter(|text| text.bytes().all(is_ice_char))
            .map(str::to_owned)
    };
    let credentials = IceCredentials {
        ufrag: ice("ice-ufrag", 4..=256).ok_or_else(|| wrong("no good a=ice-ufrag"))?,
        password: ice("ice-pwd", 22..=256).ok_or_else(|| wrong("no good a=ice-pwd"))?,
    };
    let session_fingerprints = description
        .attributes
        .iter()
        .filter(|attribute| attribute.key == "fingerprint")
        .filter_map(|attribute| attribute.value.as_deref());
    let fingerprint = section
        .values("fingerprint")
        .chain(session_fingerprints)
        .filter_map(|line| line.split_once(' '))
        .find(|(algorithm, _)| algorithm.eq_ignore_ascii_case("sha-256"))
        .and_then(|(_, hash)| hash.trim().parse().ok())
        .ok_or_else(|| wrong("no good a=fingerprint of SHA-256"))?;
    match value("setup") {
        Some("actpass" | "active") => {}
        _ => return Err(wrong("a=setup must be actpass or active")),
    }
    Ok(RemoteTransport {
        credentials,
        fingerprint,
    })
}

/// The tags of the offer's bundle (RFC 9143 §7.2); empty when there is none.
pub(super) fn bundle(description: &SessionDescription) -> HashSet<&str> {
    description
        .attributes
        .iter()
        .filter(|attribute| attribute.key == "group")
        .filter_map(|attribute| attribute.value.as_deref())
        .find_map(|group| group.strip_prefix("BUNDLE "))
        .map(|tags| tags.split_ascii_whitespace().collect())
        .unwrap_or_default()
}

fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// Chromium's untrimmed offer with 24 pairs of slots has 148 KB.
const MAX_BYTES: usize = 256 * 1024;

const MAX_SECTIONS: usize = 256;
