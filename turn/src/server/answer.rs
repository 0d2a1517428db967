//! Answers to requests.

use std::time::Instant;

use super::Server;
use super::authentication::Identity;
use crate::address::FiveTuple;
use crate::output::Output;
use crate::stun::{
    Attribute, Class, ErrorCode, Integrity, Key, Message, Method, PasswordAlgorithm, Transaction,
    Writer,
};

/// What an answer needs of its request.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    method: Method,
    pub(super) transaction: Transaction,
    /// Whether the answer has a FINGERPRINT too.
    has_fingerprint: bool,
    signature: Option<(Integrity, Key)>,
}

impl Question {
    pub(super) fn of(message: &Message, identity: Option<&Identity>) -> Self {
        Self {
            method: message.method,
            transaction: message.transaction,
            has_fingerprint: message.has_fingerprint,
            signature: identity.map(|identity| (identity.integrity, identity.key.clone())),
        }
    }

    fn answer(
        &self,
        class: Class,
        client: FiveTuple,
        output: &mut Output,
        write: impl FnOnce(&mut Writer),
    ) {
        output.push_answer(client, |bytes| {
            let mut writer = Writer::new(bytes, class, self.method, self.transaction);
            write(&mut writer);
            if let Some((integrity, key)) = &self.signature {
                writer.sign(*integrity, key);
            }
            if self.has_fingerprint {
                writer.fingerprint();
            }
        });
    }

    pub(super) fn succeed(
        &self,
        client: FiveTuple,
        output: &mut Output,
        write: impl FnOnce(&mut Writer),
    ) {
        self.answer(Class::Success, client, output, write);
    }
}

impl Server {
    pub(super) fn refuse(
        &mut self,
        client: FiveTuple,
        question: &Question,
        code: ErrorCode,
        output: &mut Output,
    ) {
        self.statistics.refused += 1;
        question.answer(Class::Error, client, output, |writer| writer.error(code));
    }

    /// Names what is not understood of a request (RFC 8489 §6.3.1).
    pub(super) fn refuse_unknown(
        &mut self,
        client: FiveTuple,
        message: &Message,
        question: &Question,
        output: &mut Output,
    ) {
        self.statistics.refused += 1;
        let unknown: Vec<u8> = message
            .unknown_attributes()
            .take(MOST_NAMED)
            .flat_map(|attribute| attribute.0.to_be_bytes())
            .collect();
        question.answer(Class::Error, client, output, |writer| {
            writer.error(ErrorCode::UNKNOWN_ATTRIBUTE);
            writer.attribute(Attribute::UNKNOWN_ATTRIBUTES, &unknown);
        });
    }

    /// Answers a request that is not authentic (RFC 8489 §9.2.4).
    pub(super) fn challenge(
        &mut self,
        now: Instant,
        client: FiveTuple,
        message: &Message,
        code: ErrorCode,
        output: &mut Output,
    ) {
        let nonce = self.nonces.issue(now, &client);
        let realm = self.config.realm.as_bytes();
        let question = Question::of(message, None);
        question.answer(Class::Error, client, output, |writer| {
            writer.error(code);
            if code != ErrorCode::BAD_REQUEST {
                writer.attribute(Attribute::REALM, realm);
                writer.attribute(Attribute::NONCE, &nonce);
                writer.attribute(Attribute::PASSWORD_ALGORITHMS, &PasswordAlgorithm::ALL);
            }
        });
    }

    /// Tells anybody their own address.
    pub(super) fn answer_binding(
        &mut self,
        client: FiveTuple,
        message: &Message,
        output: &mut Output,
    ) {
        let question = Question::of(message, None);
        if message.unknown_attributes().next().is_some() {
            self.refuse_unknown(client, message, &question, output);
            return;
        }
        question.succeed(client, output, |writer| {
            writer.xor_address(Attribute::XOR_MAPPED_ADDRESS, client.client);
        });
    }
}

/// Attributes that an answer names as not understood.
const MOST_NAMED: usize = 16;
