//! A participant's offers and answers over its stay.

use std::collections::HashMap;
use std::net::SocketAddr;

use rtc_sdp::SessionDescription;
use sfu::identity::MediaKind;
use sfu::rtp::Ssrc;
use sfu::transport::{Fingerprint, IceCredentials};
use sfu::worker::command::{MediaParameters, Publication, Slot, TransportParameters};

use super::InvalidOffer;
use super::answer::{Accepted, AnswerWriter, Flow};
use super::offer::{self, Purpose, RemoteTransport};
use super::section::{Direction, Section};
use super::{VideoCodecs, codecs, extensions, simulcast};
use crate::protocol::{PublicationSection, PublicationSource, SlotSections};
use crate::slot::{SlotsBy, slot_id};

/// The server's end of a participant's transport.
#[derive(Clone, Debug)]
pub struct LocalTransport {
    pub credentials: IceCredentials,
    /// What user name fragments begin with, those after a restart too.
    pub ufrag_prefix: String,
    pub fingerprint: Fingerprint,
    /// Host candidates, all UDP.
    pub candidates: Vec<SocketAddr>,
    /// Those of TCP, all passive (RFC 6544 §4.1).
    pub tcp_candidates: Vec<SocketAddr>,
    /// For the `o=` line: below 2⁶³ (RFC 8829 §5.2.1).
    pub session_id: u64,
}

/// The synchronization sources of one slot, for its whole life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotSources {
    pub audio: Ssrc,
    pub video: Ssrc,
    /// Of the video's retransmissions.
    pub video_rtx: Ssrc,
}

/// What stays the same between a participant's offers.
#[derive(Debug)]
pub struct Negotiation {
    local: LocalTransport,
    /// Those of screens last.
    slots: Vec<SlotSources>,
    limits: SlotsBy<usize>,
    remote: Option<RemoteTransport>,
    /// How many slots the last answer had.
    answered: SlotsBy<usize>,
    version: u64,
    video_codecs: VideoCodecs,
    /// Makes our credentials for an ICE restart.
    fresh_credentials: Option<fn(&str) -> IceCredentials>,
    /// Of ICE, so far.
    restarts: u32,
}

/// An answered offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Negotiated {
    /// The answer's text.
    pub answer: String,
    pub transport: TransportParameters,
    /// Both sides have other credentials than before (RFC 8445 §9).
    pub restarts_ice: bool,
    pub media: MediaParameters,
    /// How many slots of each kind the client offered, from the first on.
    pub slots: SlotsBy<u16>,
}

impl Negotiation {
    /// Starts with as many slots as there are `slots`.
    pub fn new(local: LocalTransport, slots: SlotsBy<Vec<SlotSources>>) -> Self {
        let limits = SlotsBy {
            people: slots.people.len(),
            screens: slots.screens.len(),
        };
        Self {
            local,
            slots: [slots.people, slots.screens].concat(),
            limits,
            remote: None,
            answered: SlotsBy::default(),
            version: 0,
            video_codecs: VideoCodecs::default(),
            fresh_credentials: None,
            restarts: 0,
        }
    }

    /// Takes ICE restarts, for each of which `fresh` makes our credentials with
    /// that prefix of the user name fragment; others refuse them.
    #[must_use]
    pub fn with_restarts(mut self, fresh: fn(&str) -> IceCredentials) -> Self {
        self.fresh_credentials = Some(fresh);
        self
    }

    /// Takes these video codecs instead of all.
    #[must_use]
    pub fn with_video_codecs(mut self, codecs: VideoCodecs) -> Self {
        self.video_codecs = codecs;
        self
    }

    /// Answers an offer. Sections that are not named are rejected. A later
    /// offer may restart ICE, which its new credentials show
    /// (RFC 8839 §4.4.1.1.1), but must keep the certificate: with another one
    /// the client joins again instead. It must keep the slots too: one that came back would number its packets from
    /// the start, and SRTP must never protect two under one number
    /// (RFC 3711 §9.1).
    ///
    /// # Errors
    /// The offer is malformed or not of the shape this server speaks; the
    /// negotiation is then unchanged.
    pub fn answer(
        &mut self,
        sdp: &str,
        publications: &[PublicationSection],
        slots: SlotsBy<&[SlotSections]>,
    ) -> Result<Negotiated, InvalidOffer> {
        let description = offer::parse(sdp)?;
        let sections = offer::sections(&description)?;
        let mut purposes = offer::purposes(publications, slots, self.limits)?;
        let bundle = offer::bundle(&description);

        let mut remote: Option<RemoteTransport> = None;
        let mut media = MediaParameters::default();
        let restart = self.restart(&description, &sections, &purposes)?;
        let restarts = self.restarts.saturating_add(restart.is_some().into());
        let local = LocalTransport {
            credentials: restart.unwrap_or_else(|| self.local.credentials.clone()),
            ..self.local.clone()
        };
        let allows_mixed = description.has_attribute("extmap-allow-mixed");
        let mut writer = AnswerWriter::new(&local, restarts, allows_mixed);
        for section in &sections {
            let Some(purpose) = purposes.remove(section.mid) else {
                writer.reject(section);
                continue;
            };
            let wrong = |reason| InvalidOffer::in_section(section.mid, reason);
            check_shape(section, purpose).map_err(wrong)?;
            if !bundle.contains(section.mid) {
                return Err(wrong("it is not bundled"));
            }
            let transport = offer::transport(&description, section)?;
            match &remote {
                Some(bundled) if *bundled != transport => {
                    return Err(wrong("its transport is not the bundle's"));
                }
                Some(_) => {}
                None => remote = Some(transport),
            }
            let mut accepted = Accepted {
                codecs: codecs::choose(section, purpose.kind(), self.video_codecs.as_slice())?,
                extensions: extensions::choose(section, purpose, &mut media.extensions)?,
                stream_ids: simulcast::sent(section)?,
                flow: self.flow(purpose),
            };
            if matches!(purpose, Purpose::Slot(..)) && !allows_mixed {
                // What key frames attach needs the longer form.
                accepted.drop_extension(extensions::DEPENDENCY_DESCRIPTOR);
            }
            if matches!(purpose, Purpose::Publication(_)) && accepted.is_single_sound() {
                // Else what is lost of it could not be sent again as it was.
                for stamp in extensions::STAMPS {
                    accepted.drop_extension(stamp);
                }
            }
            if !accepted.has_extension(extensions::STREAM_ID) {
                // Without their ids in packets, layers could not be told apart.
                accepted.stream_ids.clear();
            }
            match purpose {
                Purpose::Publication(source) => {
                    media
                        .publications
                        .push(publication(section, source, &accepted)?);
                }
                Purpose::Slot(pair, kind) => {
                    media.slots.push(self.slot(section, pair, kind, &accepted));
                }
            }
            writer.accept(section, &accepted);
        }
        if !purposes.is_empty() {
            return Err(InvalidOffer::new(
                "a section that the client names is not there",
            ));
        }
        let remote = remote.ok_or_else(|| InvalidOffer::new("the client names no section"))?;
        let offered = SlotsBy {
            people: slots.people.len(),
            screens: slots.screens.len(),
        };
        if offered.people < self.answered.people || offered.screens < self.answered.screens {
            return Err(InvalidOffer::new("it has fewer slots than the one before"));
        }
        media.slots.sort_unstable_by_key(|slot| slot.slot);

        self.version += 1;
        let negotiated = Negotiated {
            answer: writer.finish(self.version),
            transport: TransportParameters {
                local: local.credentials.clone(),
                remote: remote.credentials.clone(),
                remote_fingerprint: remote.fingerprint,
            },
            restarts_ice: restarts != self.restarts,
            media,
            slots: SlotsBy {
                people: u16::try_from(offered.people).unwrap_or(u16::MAX),
                screens: u16::try_from(offered.screens).unwrap_or(u16::MAX),
            },
        };
        self.local = local;
        self.restarts = restarts;
        self.remote = Some(remote);
        self.answered = offered;
        Ok(negotiated)
    }

    /// Our new credentials, if the offer restarts ICE.
    ///
    /// # Errors
    /// Its transport is malformed, or one that a later offer may not have.
    fn restart(
        &self,
        description: &SessionDescription,
        sections: &[Section],
        purposes: &HashMap<&str, Purpose>,
    ) -> Result<Option<IceCredentials>, InvalidOffer> {
        let named = sections
            .iter()
            .find(|section| purposes.contains_key(section.mid));
        let (Some(before), Some(section)) = (&self.remote, named) else {
            return Ok(None);
        };
        let now = offer::transport(description, section)?;
        if now.fingerprint != before.fingerprint {
            return Err(InvalidOffer::new(
                "its certificate is another one; leave and join again for that",
            ));
        }
        if now.credentials == before.credentials {
            return Ok(None);
        }
        if now.credentials.ufrag == before.credentials.ufrag
            || now.credentials.password == before.credentials.password
        {
            return Err(InvalidOffer::new(
                "an ICE restart changes both a=ice-ufrag and a=ice-pwd",
            ));
        }
        match self.fresh_credentials {
            Some(fresh) => Ok(Some(fresh(&self.local.ufrag_prefix))),
            None => Err(InvalidOffer::new("ICE restarts are not taken")),
        }
    }

    fn flow(&self, purpose: Purpose) -> Flow {
        match purpose {
            Purpose::Publication(_) => Flow::Receive,
            Purpose::Slot(pair, kind @ MediaKind::Audio) => Flow::Send {
                pair,
                kind,
                ssrc: self.slots[usize::from(pair)].audio,
                rtx: None,
            },
            Purpose::Slot(pair, kind @ MediaKind::Video) => Flow::Send {
                pair,
                kind,
                ssrc: self.slots[usize::from(pair)].video,
                rtx: Some(self.slots[usize::from(pair)].video_rtx),
            },
        }
    }

    fn slot(&self, section: &Section, pair: u16, kind: MediaKind, accepted: &Accepted) -> Slot {
        let sources = self.slots[usize::from(pair)];
        let (ssrc, rtx_ssrc) = match kind {
            MediaKind::Audio => (sources.audio, None),
            MediaKind::Video => (
                sources.video,
                accepted.has_rtx().then_some(sources.video_rtx),
            ),
        };
        Slot {
            slot: slot_id(pair, kind),
            kind,
            mid: section.mid.to_owned(),
            ssrc,
            rtx_ssrc,
            dependency_descriptor: accepted.has_extension(extensions::DEPENDENCY_DESCRIPTOR),
            codecs: accepted.codec_parameters(),
        }
    }
}

fn publication(
    section: &Section,
    source: PublicationSource,
    accepted: &Accepted,
) -> Result<Publication, InvalidOffer> {
    let (ssrcs, rtx_ssrcs) = section.ssrcs()?;
    Ok(Publication {
        source: offer::source_of(source),
        mid: section.mid.to_owned(),
        ssrcs,
        rtx_ssrcs,
        stream_ids: accepted
            .stream_ids
            .iter()
            .map(|id| (*id).to_owned())
            .collect(),
        codecs: accepted.codec_parameters(),
    })
}

fn check_shape(section: &Section, purpose: Purpose) -> Result<(), &'static str> {
    if section.kind() != Some(purpose.kind()) {
        return Err("it is not of the kind of media the client names it for");
    }
    if section.is_stopped() {
        return Err("it is stopped, but the client names it");
    }
    if section.protocol() != "UDP/TLS/RTP/SAVPF" {
        return Err("its transport is not UDP/TLS/RTP/SAVPF");
    }
    if !section.has("rtcp-mux") {
        return Err("it has no a=rtcp-mux");
    }
    match (purpose, section.direction()) {
        (Purpose::Publication(_), Direction::SendOnly)
        | (Purpose::Slot(..), Direction::ReceiveOnly) => Ok(()),
        (Purpose::Publication(_), _) => Err("a publication must be sendonly"),
        (Purpose::Slot(..), _) => Err("a slot must be recvonly"),
    }
}
