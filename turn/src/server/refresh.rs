//! How long an allocation lasts (RFC 8656 §8).

use std::time::Instant;

use super::allocate::{read_family, read_lifetime, seconds};
use super::{Question, Server};
use crate::address::{Family, FiveTuple};
use crate::output::Output;
use crate::stun::{Attribute, ErrorCode, Message};

impl Server {
    pub(super) fn refresh(
        &mut self,
        now: Instant,
        client: FiveTuple,
        message: &Message,
        question: &Question,
        username: &str,
        output: &mut Output,
    ) -> Result<(), ErrorCode> {
        let key = self.owned(now, &client, username)?;
        let lifetime = read_lifetime(message)?;
        let asked = read_family(message, Attribute::REQUESTED_ADDRESS_FAMILY)?;
        let allocation = &mut self.allocations[key];
        let meant = |family: &Family| asked.is_none_or(|code| code == family.code());
        let families: Vec<_> = Family::ALL
            .into_iter()
            .filter(|family| meant(family) && allocation.relay(now, *family).is_some())
            .collect();
        if families.is_empty() {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        for family in families {
            if lifetime == 0 {
                self.end_relay(key, family, output);
            } else if let Some(relay) = &mut self.allocations[key].relays[family.index()] {
                relay.expires_at = now + seconds(lifetime);
            }
        }
        question.succeed(client, output, |writer| {
            writer.attribute(Attribute::LIFETIME, &lifetime.to_be_bytes());
        });
        self.go_on(now, key, output);
        Ok(())
    }
}
