//! A message as it came (RFC 8489 §5).

use super::integrity::{Integrity, Key};
use super::{Attribute, CRC, FINGERPRINT_XOR, HEADER, MAGIC_COOKIE};

/// What a message is to its receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// What a message is about, in 12 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Method(pub u16);

impl Method {
    pub const BINDING: Self = Self(0x001);
    pub const ALLOCATE: Self = Self(0x003);
    pub const REFRESH: Self = Self(0x004);
    pub const SEND: Self = Self(0x006);
    pub const DATA: Self = Self(0x007);
    pub const CREATE_PERMISSION: Self = Self(0x008);
    pub const CHANNEL_BIND: Self = Self(0x009);
}

/// What an answer has in common with its request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Transaction(pub [u8; 12]);

/// A message that is well formed. Nothing says yet that it is authentic.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub class: Class,
    pub method: Method,
    pub transaction: Transaction,
    /// Whether it has a FINGERPRINT, which then is right.
    pub has_fingerprint: bool,
    bytes: &'a [u8],
    /// Where the attributes end that a signature covers, or all if there is
    /// none.
    end: usize,
    sha1: Option<usize>,
    sha256: Option<usize>,
}

impl<'a> Message<'a> {
    /// Reads a message that takes up all of `bytes`. `None` if it is not one,
    /// or if its FINGERPRINT is wrong.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, attributes) = bytes.split_first_chunk::<HEADER>()?;
        let [high, low, length_high, length_low, cookie @ ..] = header;
        let typ = u16::from_be_bytes([*high, *low]);
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        let (cookie, transaction) = cookie.split_first_chunk()?;
        if typ & 0xC000 != 0
            || length != attributes.len()
            || !length.is_multiple_of(4)
            || u32::from_be_bytes(*cookie) != MAGIC_COOKIE
        {
            return None;
        }
        let mut message = Self {
            class: class(typ),
            method: method(typ),
            transaction: Transaction(transaction.try_into().ok()?),
            has_fingerprint: false,
            bytes,
            end: bytes.len(),
            sha1: None,
            sha256: None,
        };
        message.find_signatures().then_some(message)
    }

    /// The attributes that a signature covers, or all if there is none.
    pub fn attributes(&self) -> impl Iterator<Item = (Attribute, &'a [u8])> {
        Attributes {
            bytes: &self.bytes[..self.end],
            at: HEADER,
        }
        .map(|(_, attribute, value)| (attribute, value))
    }

    /// The value of the first attribute of this kind (RFC 8489 §14).
    pub fn get(&self, wanted: Attribute) -> Option<&'a [u8]> {
        self.attributes()
            .find(|(attribute, _)| *attribute == wanted)
            .map(|(_, value)| value)
    }

    pub fn has(&self, wanted: Attribute) -> bool {
        self.get(wanted).is_some()
    }

    /// What it is signed with; the better of two.
    pub fn integrity(&self) -> Option<Integrity> {
        if self.sha256.is_some() {
            Some(Integrity::Sha256)
        } else {
            self.sha1.map(|_| Integrity::Sha1)
        }
    }

    /// Whether the owner of `key` signed it.
    pub fn is_signed_with(&self, key: &Key) -> bool {
        let Some(integrity) = self.integrity() else {
            return false;
        };
        let Some(at) = self.sha256.or(self.sha1) else {
            return false;
        };
        let length = usize::from(u16::from_be_bytes([self.bytes[at + 2], self.bytes[at + 3]]));
        let signature = &self.bytes[at + 4..at + 4 + length];
        key.verify(integrity, &self.bytes[..at], signature)
    }

    /// Attributes that a server must understand, and this one does not.
    pub fn unknown_attributes(&self) -> impl Iterator<Item = Attribute> {
        self.attributes()
            .map(|(attribute, _)| attribute)
            .filter(|attribute| attribute.is_required() && !attribute.is_known())
    }

    /// Goes through all attributes. `false` if they do not fill the message,
    /// or what vouches for it is not as it must be.
    fn find_signatures(&mut self) -> bool {
        let mut attributes = Attributes {
            bytes: self.bytes,
            at: HEADER,
        };
        while let Some((at, attribute, value)) = attributes.next() {
            let is_signature = match attribute {
                Attribute::FINGERPRINT => {
                    let crc = CRC.checksum(&self.bytes[..at]) ^ FINGERPRINT_XOR;
                    let is_last = attributes.at == self.bytes.len();
                    if !is_last || value != crc.to_be_bytes() {
                        return false;
                    }
                    self.has_fingerprint = true;
                    true
                }
                Attribute::MESSAGE_INTEGRITY if self.integrity().is_none() => {
                    if value.len() != 20 {
                        return false;
                    }
                    self.sha1 = Some(at);
                    true
                }
                Attribute::MESSAGE_INTEGRITY_SHA256 if self.sha256.is_none() => {
                    // A usage may allow fewer bytes (RFC 8489 §14.6), but
                    // TURN does not.
                    if value.len() != 32 {
                        return false;
                    }
                    self.sha256 = Some(at);
                    true
                }
                _ => false,
            };
            if is_signature {
                self.end = self.end.min(at);
            }
        }
        attributes.at == self.bytes.len()
    }
}

/// Attributes one after the other, until there is no whole one left.
struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    /// Where it begins, what it is, and its value.
    type Item = (usize, Attribute, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[high, low, length_high, length_low], rest) =
            self.bytes.get(self.at..)?.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let padded = length.next_multiple_of(4);
        if padded > rest.len() {
            return None;
        }
        let at = self.at;
        self.at += 4 + padded;
        let attribute = Attribute(u16::from_be_bytes([high, low]));
        Some((at, attribute, &rest[..length]))
    }
}

fn class(typ: u16) -> Class {
    match typ & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    }
}

fn method(typ: u16) -> Method {
    Method((typ & 0x000F) | (typ & 0x00E0) >> 1 | (typ & 0x3E00) >> 2)
}

/// The first two bytes of a message.
pub(super) fn message_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    let Method(method) = method;
    class | (method & 0x00F) | (method & 0x070) << 1 | (method & 0xF80) << 2
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    const TRANSACTION: Transaction = Transaction([7; 12]);

    fn message(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Class::Request, Method::ALLOCATE, TRANSACTION);
        write(&mut writer);
        bytes
    }

    #[test]
    fn the_type_survives_both_ways() {
        for number in 0..0x1000 {
            for class_of in [
                Class::Request,
                Class::Indication,
                Class::Success,
                Class::Error,
            ] {
                let typ = message_type(class_of, Method(number));
                assert_eq!((class(typ), method(typ)), (class_of, Method(number)));
                assert_eq!(typ & 0xC000, 0);
            }
        }
        assert_eq!(
            message_type(Class::Error, Method::CREATE_PERMISSION),
            0x0118
        );
        assert_eq!(message_type(Class::Indication, Method::DATA), 0x0017);
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = message(|writer| {
            writer.attribute(Attribute::REALM, b"realm");
            writer.fingerprint();
        });

        assert!(Message::read(&whole).is_some());
        for length in 0..whole.len() {
            assert!(Message::read(&whole[..length]).is_none(), "{length}");
        }
        let longer = [&whole[..], &[0; 4]].concat();
        assert!(Message::read(&longer).is_none());
    }

    #[test]
    fn an_attribute_that_ends_after_the_message_spoils_it() {
        let mut bytes = message(|writer| writer.attribute(Attribute::REALM, b"four"));

        bytes[23] = 5;

        assert!(Message::read(&bytes).is_none());
    }

    #[test]
    fn a_wrong_or_early_fingerprint_spoils_it() {
        let mut wrong = message(|writer| {
            writer.fingerprint();
        });
        *wrong.last_mut().unwrap() ^= 1;
        let early = message(|writer| {
            writer.fingerprint();
            writer.attribute(Attribute::REALM, b"four");
        });

        assert!(Message::read(&wrong).is_none());
        assert!(Message::read(&early).is_none());
    }

    #[test]
    fn what_follows_a_signature_is_not_read() {
        let key = Key::long_term(crate::stun::PasswordAlgorithm::Md5, "u", "r", "p");
        let bytes = message(|writer| {
            writer.attribute(Attribute::REALM, b"one");
            writer.sign(Integrity::Sha1, &key);
            writer.attribute(Attribute::REALM, b"two");
            writer.attribute(Attribute(0x7777), b"");
        });

        let message = Message::read(&bytes).expect("well formed");

        assert!(message.is_signed_with(&key));
        assert_eq!(message.attributes().count(), 1);
        assert_eq!(message.unknown_attributes().count(), 0);
    }

    #[test]
    fn the_better_of_two_signatures_counts() {
        let key = Key::long_term(crate::stun::PasswordAlgorithm::Md5, "u", "r", "p");
        let other = Key::long_term(crate::stun::PasswordAlgorithm::Md5, "u", "r", "q");
        let both = |first: &Key, second: &Key| {
            message(|writer| {
                writer.sign(Integrity::Sha1, first);
                writer.sign(Integrity::Sha256, second);
            })
        };

        let is_signed = |bytes: &[u8]| Message::read(bytes).unwrap().is_signed_with(&key);
        assert!(is_signed(&both(&other, &key)));
        assert!(!is_signed(&both(&key, &other)));
    }

    #[test]
    fn a_signature_of_another_length_spoils_it() {
        for length in [0, 4, 12, 16, 18, 20, 24, 28, 36] {
            let bytes = message(|writer| {
                writer.attribute(Attribute::MESSAGE_INTEGRITY_SHA256, &[0; 36][..length]);
            });
            assert!(Message::read(&bytes).is_none(), "{length}");
        }
        let bytes = message(|writer| writer.attribute(Attribute::MESSAGE_INTEGRITY, &[0; 16]));
        assert!(Message::read(&bytes).is_none());
    }
}
