//! Addresses that no gateway on the way mistakes for its own to rewrite
//! (RFC 8489 §14.2).

use std::net::{IpAddr, SocketAddr};

use super::MAGIC_COOKIE;
use super::message::Transaction;
use crate::address::Family;

/// Reads the value of an XOR-…-ADDRESS attribute.
pub fn read_xor_address(value: &[u8], transaction: Transaction) -> Option<SocketAddr> {
    let (&[_, family, port_high, port_low], address) = value.split_first_chunk()?;
    let mask = mask(transaction);
    let port = u16::from_be_bytes([port_high ^ mask[0], port_low ^ mask[1]]);
    let address = match Family::from_code(family)? {
        Family::V4 => IpAddr::from(xor::<4>(address.try_into().ok()?, &mask)),
        Family::V6 => IpAddr::from(xor::<16>(address.try_into().ok()?, &mask)),
    };
    Some(SocketAddr::new(address, port))
}

/// Appends the value of an XOR-…-ADDRESS attribute.
pub(super) fn write_xor_address(
    bytes: &mut Vec<u8>,
    address: SocketAddr,
    transaction: Transaction,
) {
    let mask = mask(transaction);
    let [high, low] = address.port().to_be_bytes();
    bytes.extend_from_slice(&[0, Family::of(address).code(), high ^ mask[0], low ^ mask[1]]);
    match address.ip() {
        IpAddr::V4(address) => bytes.extend_from_slice(&xor(address.octets(), &mask)),
        IpAddr::V6(address) => bytes.extend_from_slice(&xor(address.octets(), &mask)),
    }
}

/// The magic cookie and the transaction's number.
fn mask(transaction: Transaction) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(&transaction.0);
    mask
}

fn xor<const N: usize>(mut address: [u8; N], mask: &[u8; 16]) -> [u8; N] {
    for (byte, mask) in address.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    address
}
