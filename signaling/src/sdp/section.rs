//! One media section of an offer, as far as an answer needs it.

use rtc_sdp::description::media::MediaDescription;
use sfu::identity::MediaKind;
use sfu::rtp::Ssrc;

use super::InvalidOffer;

/// Which way media flows, from the offerer's side (RFC 8866 §6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    SendReceive,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

/// An `m=` line and the attributes under it.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) mid: &'a str,
    media: &'a MediaDescription,
}

impl<'a> Section<'a> {
    /// # Errors
    /// No usable `a=mid`, or words on the `m=` line that are not tokens.
    pub(super) fn new(media: &'a MediaDescription) -> Result<Self, InvalidOffer> {
        let mid = media
            .attribute("mid")
            .flatten()
            .ok_or_else(|| InvalidOffer::new("a media section has no a=mid"))?;
        // RFC 8285 §4.2: a one-byte header extension carries 16 bytes.
        if !is_token(mid) || mid.len() > 16 {
            return Err(InvalidOffer::new(
                "an a=mid is not a token of at most 16 characters",
            ));
        }
        let words = media
            .media_name
            .protos
            .iter()
            .chain(&media.media_name.formats);
        for word in words {
            if !is_token(word) {
                return Err(InvalidOffer::in_section(mid, "its m= line is malformed"));
            }
        }
        Ok(Self { mid, media })
    }

    /// The kind of media, if it is one that is forwarded.
    pub(super) fn kind(&self) -> Option<MediaKind> {
        match self.media.media_name.media.as_str() {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        }
    }

    /// The first word of the `m=` line.
    pub(super) fn media(&self) -> &'a str {
        &self.media.media_name.media
    }

    /// The transport protocol, such as `UDP/TLS/RTP/SAVPF`.
    pub(super) fn protocol(&self) -> String {
        self.media.media_name.protos.join("/")
    }

    /// Payload types for RTP, in the offerer's order of preference.
    pub(super) fn formats(&self) -> &'a [String] {
        &self.media.media_name.formats
    }

    /// Whether the offerer has given the section up. A zero port alone does
    /// not say so: a bundled section may have one too (RFC 9143 §6).
    pub(super) fn is_stopped(&self) -> bool {
        self.media.media_name.port.value == 0 && !self.has("bundle-only")
    }

    /// Whether a flag attribute is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.media.has_attribute(name)
    }

    /// The first attribute of this name.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.media.attribute(name).flatten()
    }

    /// All attributes of this name, in order.
    pub(super) fn values(&self, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.media
            .attributes
            .iter()
            .filter(move |attribute| attribute.key == name)
            .filter_map(|attribute| attribute.value.as_deref())
    }

    /// The direction; both ways when nothing is said.
    pub(super) fn direction(&self) -> Direction {
        if self.has("sendonly") {
            Direction::SendOnly
        } else if self.has("recvonly") {
            Direction::ReceiveOnly
        } else if self.has("inactive") {
            Direction::Inactive
        } else {
            Direction::SendReceive
        }
    }

    /// The synchronization sources the offerer announces (RFC 5576 §4.1),
    /// those of media first, then those of their retransmissions.
    ///
    /// # Errors
    /// A malformed source, or more than 16.
    pub(super) fn ssrcs(&self) -> Result<(Vec<Ssrc>, Vec<Ssrc>), InvalidOffer> {
        let malformed = || InvalidOffer::in_section(self.mid, "an a=ssrc is malformed");
        let mut repairs = Vec::new();
        for group in self.values("ssrc-group") {
            let mut words = group.split_ascii_whitespace();
            if words.next() == Some("FID") {
                repairs.extend(words.skip(1).filter_map(|word| word.parse().ok()).map(Ssrc));
            }
        }
        let mut ssrcs = Vec::new();
        for line in self.values("ssrc") {
            let id = line.split_ascii_whitespace().next().unwrap_or_default();
            let ssrc = Ssrc(id.parse().map_err(|_| malformed())?);
            if !ssrcs.contains(&ssrc) && !repairs.contains(&ssrc) {
                ssrcs.push(ssrc);
            }
            if ssrcs.len() > MAX_SSRCS || repairs.len() > MAX_SSRCS {
                return Err(InvalidOffer::in_section(
                    self.mid,
                    "it names too many SSRCs",
                ));
            }
        }
        Ok((ssrcs, repairs))
    }
}

/// Whether the text is a `token` (RFC 8866 §9).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte))
}

const MAX_SSRCS: usize = 16;
