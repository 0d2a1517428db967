//! A message to be sent.

use std::net::SocketAddr;

use super::address::write_xor_address;
use super::integrity::{Integrity, Key};
use super::message::{Class, Method, Transaction, message_type};
use super::{Attribute, CRC, ErrorCode, FINGERPRINT_XOR, HEADER, MAGIC_COOKIE};

/// Appends one message to bytes. It is whole after each call.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
    transaction: Transaction,
}

impl<'a> Writer<'a> {
    pub fn new(
        bytes: &'a mut Vec<u8>,
        class: Class,
        method: Method,
        transaction: Transaction,
    ) -> Self {
        let start = bytes.len();
        bytes.extend_from_slice(&message_type(class, method).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        bytes.extend_from_slice(&transaction.0);
        Self {
            bytes,
            start,
            transaction,
        }
    }

    /// Adds an attribute. The message may come to 65,555 bytes at most.
    pub fn attribute(&mut self, attribute: Attribute, value: &[u8]) {
        self.write(attribute, |bytes| bytes.extend_from_slice(value));
    }

    /// Adds XOR-MAPPED-ADDRESS or one like it.
    pub fn xor_address(&mut self, attribute: Attribute, address: SocketAddr) {
        let transaction = self.transaction;
        self.write(attribute, |bytes| {
            write_xor_address(bytes, address, transaction);
        });
    }

    /// Adds ERROR-CODE.
    pub fn error(&mut self, code: ErrorCode) {
        self.write(Attribute::ERROR_CODE, |bytes| {
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&code.digits());
            bytes.extend_from_slice(code.reason().as_bytes());
        });
    }

    /// Adds ADDRESS-ERROR-CODE (RFC 8656 §18.12).
    pub fn address_error(&mut self, family: crate::address::Family, code: ErrorCode) {
        self.write(Attribute::ADDRESS_ERROR_CODE, |bytes| {
            bytes.extend_from_slice(&[family.code(), 0]);
            bytes.extend_from_slice(&code.digits());
            bytes.extend_from_slice(code.reason().as_bytes());
        });
    }

    /// Signs what is there so far.
    pub fn sign(&mut self, integrity: Integrity, key: &Key) {
        let (attribute, length) = match integrity {
            Integrity::Sha1 => (Attribute::MESSAGE_INTEGRITY, 20),
            Integrity::Sha256 => (Attribute::MESSAGE_INTEGRITY_SHA256, 32),
        };
        let tag = key.sign(integrity, &self.bytes[self.start..], length);
        self.attribute(attribute, tag.as_ref());
    }

    /// Adds FINGERPRINT, after which nothing may be added.
    pub fn fingerprint(&mut self) {
        // The checksum covers the length with FINGERPRINT in it.
        self.set_length(8);
        let crc = CRC.checksum(&self.bytes[self.start..]) ^ FINGERPRINT_XOR;
        self.attribute(Attribute::FINGERPRINT, &crc.to_be_bytes());
    }

    fn write(&mut self, attribute: Attribute, value: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(&attribute.0.to_be_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        let start = self.bytes.len();
        value(self.bytes);
        let length = self.bytes.len() - start;
        self.bytes[start - 2..start].copy_from_slice(&(length as u16).to_be_bytes());
        let padding = length.next_multiple_of(4) - length;
        self.bytes.extend_from_slice(&[0; 3][..padding]);
        self.set_length(0);
    }

    /// Sets the header's length to what is there and `more` bytes.
    fn set_length(&mut self, more: usize) {
        let length = (self.bytes.len() - self.start - HEADER + more) as u16;
        self.bytes[self.start + 2..self.start + 4].copy_from_slice(&length.to_be_bytes());
    }
}
