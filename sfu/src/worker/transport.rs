//! Connectivity checks and handshakes.

use std::time::Instant;

use super::Worker;
use super::event::{DisconnectReason, Event};
use crate::transport::stun::{self, Received};
use crate::transport::{DtlsEvent, IceCredentials, Path, TransportProtocol};

impl Worker {
    pub(super) fn handle_stun(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        // Whatever a flood brings, this costs little: only what names a user
        // of ours is read in full, and few others are answered.
        let is_ours =
            stun::local_ufrag(datagram).is_some_and(|ufrag| self.routes.user(ufrag).is_some());
        if !is_ours && !self.refusals.spend(now) {
            self.statistics.dropped.stun += 1;
            return;
        }
        let mut check = match stun::receive(datagram) {
            Received::Check(check) => check,
            Received::Refused(refusal) => {
                self.refuse(now, path, is_ours, &refusal);
                return;
            }
            Received::Ignored => {
                self.statistics.dropped.stun += 1;
                return;
            }
        };
        let named = self.routes.user(&check.local_ufrag).and_then(|key| {
            let ice = &self.participants[key].ice;
            let password = ice.password(&check.local_ufrag, &check.remote_ufrag)?;
            Some((key, password.to_owned()))
        });
        let Some((key, password)) = named else {
            self.refuse(now, path, is_ours, &check.refuse_unknown_user());
            return;
        };
        let is_anothers = self.routes.participant(&path).is_some_and(|holder| {
            holder != key && self.participants[holder].ice.is_heard_on(now, path)
        });
        if is_anothers {
            // Whoever can write another's address into a datagram must not cut
            // that other off.
            self.statistics.dropped.stun += 1;
            return;
        }
        match check.answer(&password, path.remote) {
            Ok(answered) => {
                let participant = &mut self.participants[key];
                if participant.ice.has_seen(answered.transaction) {
                    if participant.paths.contains(&path) {
                        self.control.push(path, &answered.response);
                    } else {
                        self.statistics.dropped.stun += 1;
                    }
                    return;
                }
                self.control.push(path, &answered.response);
                let ice = &mut participant.ice;
                let before = ice.selected();
                ice.handle_check(now, path, &check.local_ufrag, answered.nominated);
                self.handle_selection(now, key, before);
                self.add_path(key, path);
            }
            Err(refusal) => {
                self.statistics.dropped.stun += 1;
                self.refuse(now, path, is_ours, &refusal);
            }
        }
    }

    /// Answers what is no valid check, sparingly: who knows a user name could
    /// have others flooded with answers. Whatever names none has been counted.
    fn refuse(&mut self, now: Instant, path: Path, is_ours: bool, refusal: &[u8]) {
        if !is_ours || self.refusals.spend(now) {
            self.control.push(path, refusal);
        }
    }

    pub(super) fn handle_dtls(&mut self, now: Instant, key: usize, path: Path, datagram: &[u8]) {
        let event = self.participants[key]
            .dtls
            .handle_datagram(now, datagram, |out| self.control.push(path, out));
        self.handle_dtls_event(now, key, event);
    }

    pub(super) fn retransmit_dtls(&mut self, now: Instant, key: usize) {
        let participant = &mut self.participants[key];
        let Some(path) = participant.ice.selected() else {
            return;
        };
        let event = participant
            .dtls
            .handle_timeout(now, |out| self.control.push(path, out));
        self.handle_dtls_event(now, key, event);
    }

    /// Tells the peer that its stay is over.
    pub(super) fn close(&mut self, key: usize) {
        let participant = &mut self.participants[key];
        if let Some(path) = participant.ice.selected() {
            participant.dtls.close(|out| self.control.push(path, out));
        }
    }

    fn handle_dtls_event(&mut self, now: Instant, key: usize, event: Option<DtlsEvent>) {
        match event {
            Some(DtlsEvent::Secured(profile, session)) => {
                let participant = &mut self.participants[key];
                participant.srtp = Some(session);
                self.events.push_back(Event::Connected {
                    participant: participant.id,
                    profile,
                });
                for slot in 0..self.participants[key].slots.len() {
                    self.request_key_frames_for(now, key, slot);
                }
            }
            Some(DtlsEvent::Failed(failure)) => {
                self.statistics.count_dtls_failure(failure);
                self.disconnect(now, key, DisconnectReason::DtlsFailed);
            }
            Some(DtlsEvent::Closed) => self.disconnect(now, key, DisconnectReason::Closed),
            None => {}
        }
    }

    /// Sends where the newest media of a participant comes from. A browser may
    /// take seconds to nominate the path that it has gone over to.
    pub(super) fn follow_media(&mut self, now: Instant, key: usize, path: Path) {
        let ice = &mut self.participants[key].ice;
        let before = ice.selected();
        ice.handle_media(now, path);
        if before != Some(path) {
            self.handle_selection(now, key, before);
        }
    }

    /// As [`Worker::follow_media`], for RTCP.
    pub(super) fn follow_report(&mut self, now: Instant, key: usize, path: Path) {
        let ice = &mut self.participants[key].ice;
        let before = ice.selected();
        ice.handle_report(now, path);
        self.handle_selection(now, key, before);
    }

    fn handle_selection(&mut self, now: Instant, key: usize, before: Option<Path>) {
        let participant = &mut self.participants[key];
        let address = |path: Option<Path>| path.map(|path| (path.protocol, path.remote.ip()));
        // Another port of the same address is the same way.
        if before.is_some() && address(before) != address(participant.ice.selected()) {
            participant.outbound.congestion.handle_new_path(now);
        }
    }

    /// Takes a participant's new credentials for both sides.
    pub(super) fn restart_ice(
        &mut self,
        key: usize,
        local: IceCredentials,
        remote: IceCredentials,
    ) {
        if self.routes.user(&local.ufrag).is_some() {
            return;
        }
        self.routes.add_user(local.ufrag.clone(), key);
        for ufrag in self.participants[key].ice.restart(local, remote) {
            self.routes.remove_user(&ufrag);
        }
    }

    /// Forgets credentials that a participant has left behind.
    pub(super) fn retire_ice(&mut self, now: Instant, key: usize) {
        if let Some(ufrag) = self.participants[key].ice.retire(now) {
            self.routes.remove_user(&ufrag);
        }
    }

    fn add_path(&mut self, key: usize, path: Path) {
        // An address may pass from one peer to another, as when a tab reloads.
        if let Some(before) = self.routes.add_path(path, key) {
            self.participants[before].paths.retain(|of| *of != path);
        }
        let participant = &mut self.participants[key];
        if participant.paths.contains(&path) {
            return;
        }
        participant.paths.push(path);
        let of_protocol = |of: &&Path| of.protocol == path.protocol;
        let most = match path.protocol {
            TransportProtocol::Udp | TransportProtocol::Relayed => MAX_PATHS,
            TransportProtocol::Tcp => MAX_CONNECTIONS,
        };
        if participant.paths.iter().filter(of_protocol).count() > most {
            let selected = participant.ice.selected();
            let oldest = participant
                .paths
                .iter()
                .position(|of| of_protocol(&of) && Some(*of) != selected)
                .unwrap_or(0);
            let removed = participant.paths.remove(oldest);
            self.routes.remove_path(&removed);
            self.abandon(removed);
        }
    }

    /// Has a connection ended that no participant needs any more.
    pub(super) fn abandon(&mut self, path: Path) {
        if path.protocol == TransportProtocol::Tcp {
            self.abandoned.push_back(path);
        }
    }

    pub(super) fn forget_path(&mut self, now: Instant, key: usize, path: Path) {
        self.routes.remove_path(&path);
        let participant = &mut self.participants[key];
        participant.paths.retain(|of| *of != path);
        if participant.ice.selected() == Some(path) {
            participant.ice.lose(path);
            participant.outbound.congestion.handle_new_path(now);
        }
    }
}

/// Paths remembered of one participant: each of its interfaces and relays
/// toward each of ours.
const MAX_PATHS: usize = 16;
/// Connections of one participant. A browser makes one for each of its
/// interfaces and each of our addresses, and keeps those of one of them; after
/// a restart there are others before these end.
const MAX_CONNECTIONS: usize = 8;
