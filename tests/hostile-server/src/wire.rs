//! The way between the worker and its participants, open to its owner.

use std::collections::HashMap;
use std::net::SocketAddr;

use sfu::identity::ParticipantId;
use sfu::rtp::header::Header;
use sfu::rtp::{Codec, PayloadType, Ssrc};
use sfu::srtp::{ExportedKeys, ReceivedSource, Session};
use sfu::transport::Path;
use sfu::transport::demux::Protocol;
use sfu::worker::Worker;
use sfu::worker::command::Slot;

use crate::outgoing::{Outgoing, Packet};
use crate::recording::{Recording, Way};

/// Reads all that passes, records it, and alters what goes out.
pub(crate) struct Wire {
    recording: Recording,
    lines: HashMap<ParticipantId, Line>,
    codecs: HashMap<(ParticipantId, PayloadType), Codec>,
    to_send: Vec<(SocketAddr, Vec<u8>)>,
}

/// One participant's session, from both ends.
struct Line {
    keys: ExportedKeys,
    /// As the worker has it: opens what comes in, seals what goes out.
    ours: Session,
    /// As the participant has it: opens what the worker sealed.
    theirs: Session,
    path: Path,
    incoming: HashMap<Ssrc, ReceivedSource>,
    outgoing: HashMap<Ssrc, Outgoing>,
}

impl Wire {
    pub(crate) fn new(recording: Recording) -> Self {
        Self {
            recording,
            lines: HashMap::new(),
            codecs: HashMap::new(),
            to_send: Vec::new(),
        }
    }

    /// Learns what the packets to a participant will be.
    pub(crate) fn handle_negotiation(&mut self, participant: ParticipantId, slots: &[Slot]) {
        for of in slots.iter().flat_map(|slot| &slot.codecs) {
            self.codecs.insert((participant, of.payload_type), of.codec);
        }
    }

    /// Records a datagram that goes to the worker.
    pub(crate) fn listen(&mut self, worker: &Worker, path: Path, datagram: &[u8]) {
        let Some(protocol) = media(datagram) else {
            return;
        };
        let Some((participant, line)) = line(&mut self.lines, worker, path) else {
            return;
        };
        line.path = path;
        let mut bytes = datagram.to_vec();
        let opened = match protocol {
            Protocol::Rtp => line.open_incoming(&mut bytes),
            _ => line.ours.inbound.unprotect_rtcp(&mut bytes).ok(),
        };
        if let Some(length) = opened {
            let kind = name(protocol);
            self.recording
                .packet(kind, Way::In, participant, &bytes[..length]);
        }
    }

    /// Passes on a datagram from the worker, altered or not.
    pub(crate) fn carry(&mut self, worker: &Worker, path: Path, datagram: &[u8]) {
        let protocol = media(datagram);
        match (protocol, line(&mut self.lines, worker, path)) {
            (Some(Protocol::Rtp), Some((participant, line))) => {
                let codec = |number| self.codecs.get(&(participant, number)).copied();
                if let Some(packet) = line.open_outgoing(codec, datagram) {
                    self.recording
                        .packet("rtp", Way::Out, participant, &packet.bytes);
                    self.to_send.push((path.remote, line.seal(&packet)));
                }
            }
            (Some(_), Some((participant, line))) => {
                let mut bytes = datagram.to_vec();
                if let Ok(length) = line.theirs.inbound.unprotect_rtcp(&mut bytes) {
                    self.recording
                        .packet("rtcp", Way::Out, participant, &bytes[..length]);
                }
                self.to_send.push((path.remote, datagram.to_vec()));
            }
            _ => self.to_send.push((path.remote, datagram.to_vec())),
        }
    }

    /// What is to be sent, and where to.
    pub(crate) fn drain(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.to_send)
    }

    /// What goes out to a participant under `ssrc`.
    pub(crate) fn outgoing(
        &mut self,
        participant: ParticipantId,
        ssrc: Ssrc,
    ) -> Option<&mut Outgoing> {
        self.lines.get_mut(&participant)?.outgoing.get_mut(&ssrc)
    }

    /// Sends frames that were kept once more, behind all that was sent.
    /// Gives how many packets they took.
    pub(crate) fn replay(&mut self, participant: ParticipantId, ssrc: Ssrc) -> Option<usize> {
        let line = self.lines.get_mut(&participant)?;
        let packets = line.outgoing.get_mut(&ssrc)?.replay();
        for packet in &packets {
            self.recording
                .packet("rtp", Way::Out, participant, &packet.bytes);
            let sealed = line.seal(packet);
            self.to_send.push((line.path.remote, sealed));
        }
        Some(packets.len())
    }
}

/// Whose session a path is of; it is made with the first packet under its keys.
fn line<'a>(
    lines: &'a mut HashMap<ParticipantId, Line>,
    worker: &Worker,
    path: Path,
) -> Option<(ParticipantId, &'a mut Line)> {
    let (participant, keys) = worker.media_keys(&path)?;
    let is_known = lines
        .get(&participant)
        .is_some_and(|line| line.keys == *keys);
    if !is_known {
        lines.insert(participant, Line::new(keys, path));
    }
    Some((participant, lines.get_mut(&participant)?))
}

impl Line {
    fn new(keys: &ExportedKeys, path: Path) -> Self {
        let ExportedKeys { profile, material } = keys;
        let valid = "the worker made a session of them";
        Self {
            keys: keys.clone(),
            ours: Session::for_dtls_server(*profile, material).expect(valid),
            theirs: Session::for_dtls_client(*profile, material).expect(valid),
            path,
            incoming: HashMap::new(),
            outgoing: HashMap::new(),
        }
    }

    fn open_incoming(&mut self, bytes: &mut [u8]) -> Option<usize> {
        let header = Header::parse(bytes)?;
        let Header {
            length,
            ssrc,
            sequence_number,
            ..
        } = header;
        let source = self.incoming.entry(ssrc).or_default();
        let inbound = &self.ours.inbound;
        let opened = inbound.unprotect_rtp(bytes, length, ssrc, sequence_number, source);
        opened.ok().map(|(length, _)| length)
    }

    /// The packet to send for one of the worker's, if one is sent.
    fn open_outgoing(
        &mut self,
        codec: impl FnOnce(PayloadType) -> Option<Codec>,
        datagram: &[u8],
    ) -> Option<Packet> {
        let mut bytes = datagram.to_vec();
        let header = Header::parse(&bytes)?;
        let outgoing = self.outgoing.entry(header.ssrc).or_default();
        let opened = self.theirs.inbound.unprotect_rtp(
            &mut bytes,
            header.length,
            header.ssrc,
            header.sequence_number,
            &mut outgoing.source,
        );
        let (length, sequence) = opened.expect("the worker seals with the keys that it gave");
        bytes.truncate(length);
        outgoing.pass(sequence, codec(header.payload_type), bytes)
    }

    fn seal(&self, packet: &Packet) -> Vec<u8> {
        let outbound = &self.ours.outbound;
        let mut bytes = packet.bytes.clone();
        bytes.resize(bytes.len() + outbound.rtp_overhead(), 0);
        outbound.protect_rtp(
            &mut bytes,
            packet.header_length,
            packet.ssrc,
            packet.sequence,
        );
        bytes
    }
}

fn media(datagram: &[u8]) -> Option<Protocol> {
    Protocol::of(datagram).filter(|of| matches!(of, Protocol::Rtp | Protocol::Rtcp))
}

fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Rtp => "rtp",
        _ => "rtcp",
    }
}
