//! A client's side of the protocol, only as far as tests need it.

use std::net::SocketAddr;
use std::time::Duration;

use turn::stun::{
    Attribute, Class, Integrity, Key, Message, Method, PasswordAlgorithm, Transaction, Writer,
    read_xor_address,
};
use turn::{FiveTuple, SharedSecret, Transport};

pub const REALM: &str = "quietroom";
pub const SECRET: &[u8] = b"what only the server knows";
/// Until when credentials are good that are given out in tests, counted as the
/// server's wall clock is.
pub const EXPIRY: Duration = Duration::from_hours(2);

#[derive(Clone, Debug)]
pub struct Client {
    pub five_tuple: FiveTuple,
    pub username: String,
    pub password: String,
    /// What the server gave it last.
    pub nonce: Vec<u8>,
    pub integrity: Integrity,
    /// `None` for a client that knows only RFC 5389.
    pub algorithm: Option<PasswordAlgorithm>,
    pub has_fingerprint: bool,
    next: u64,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub bytes: Vec<u8>,
}

impl Client {
    pub fn new(participant: &str, address: &str, transport: Transport) -> Self {
        let credentials = SharedSecret::new(SECRET).issue(participant, EXPIRY);
        Self {
            five_tuple: FiveTuple {
                transport,
                server: crate::network::address("198.51.100.1:3478"),
                client: crate::network::address(address),
            },
            username: credentials.username,
            password: credentials.password,
            nonce: Vec::new(),
            integrity: Integrity::Sha1,
            algorithm: None,
            has_fingerprint: false,
            next: 0,
        }
    }

    pub fn udp(participant: &str, address: &str) -> Self {
        Self::new(participant, address, Transport::Udp)
    }

    pub fn tcp(participant: &str, address: &str) -> Self {
        Self::new(participant, address, Transport::Tcp)
    }

    pub fn key(&self) -> Key {
        let algorithm = self.algorithm.unwrap_or(PasswordAlgorithm::Md5);
        Key::long_term(algorithm, &self.username, REALM, &self.password)
    }

    /// A message that nothing vouches for.
    pub fn bare(
        &mut self,
        class: Class,
        method: Method,
        write: impl FnOnce(&mut Writer),
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let transaction = self.new_transaction();
        let mut writer = Writer::new(&mut bytes, class, method, transaction);
        write(&mut writer);
        if self.has_fingerprint {
            writer.fingerprint();
        }
        bytes
    }

    /// A signed request.
    pub fn request(&mut self, method: Method, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let (key, integrity) = (self.key(), self.integrity);
        let (username, nonce) = (self.username.clone(), self.nonce.clone());
        let algorithm = self.algorithm;
        self.bare(Class::Request, method, |writer| {
            write(writer);
            writer.attribute(Attribute::USERNAME, username.as_bytes());
            writer.attribute(Attribute::REALM, REALM.as_bytes());
            writer.attribute(Attribute::NONCE, &nonce);
            if let Some(algorithm) = algorithm {
                let code = match algorithm {
                    PasswordAlgorithm::Md5 => 1,
                    PasswordAlgorithm::Sha256 => 2,
                };
                writer.attribute(Attribute::PASSWORD_ALGORITHMS, &PasswordAlgorithm::ALL);
                writer.attribute(Attribute::PASSWORD_ALGORITHM, &[0, code, 0, 0]);
            }
            writer.sign(integrity, &key);
        })
    }

    pub fn allocate(&mut self) -> Vec<u8> {
        self.request(Method::ALLOCATE, ask_for_udp)
    }

    pub fn refresh(&mut self, lifetime: u32) -> Vec<u8> {
        self.request(Method::REFRESH, |writer| {
            writer.attribute(Attribute::LIFETIME, &lifetime.to_be_bytes());
        })
    }

    pub fn permit(&mut self, peers: &[SocketAddr]) -> Vec<u8> {
        self.request(Method::CREATE_PERMISSION, |writer| {
            for peer in peers {
                writer.xor_address(Attribute::XOR_PEER_ADDRESS, *peer);
            }
        })
    }

    pub fn bind(&mut self, number: u16, peer: SocketAddr) -> Vec<u8> {
        self.request(Method::CHANNEL_BIND, |writer| {
            let [high, low] = number.to_be_bytes();
            writer.attribute(Attribute::CHANNEL_NUMBER, &[high, low, 0, 0]);
            writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
        })
    }

    pub fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        self.bare(Class::Indication, Method::SEND, |writer| {
            writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
            writer.attribute(Attribute::DATA, data);
        })
    }

    fn new_transaction(&mut self) -> Transaction {
        self.next += 1;
        let mut transaction = [0; 12];
        transaction[..2].copy_from_slice(&self.five_tuple.client.port().to_be_bytes());
        transaction[4..].copy_from_slice(&self.next.to_be_bytes());
        Transaction(transaction)
    }
}

/// Data on a channel.
pub fn on_channel(number: u16, data: &[u8], is_padded: bool) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
    bytes.extend_from_slice(data);
    while is_padded && !bytes.len().is_multiple_of(4) {
        bytes.push(0);
    }
    bytes
}

pub fn ask_for_udp(writer: &mut Writer) {
    writer.attribute(Attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
}

impl Answer {
    pub fn message(&self) -> Message<'_> {
        Message::read(&self.bytes).expect("a well-formed answer")
    }

    pub fn is_success(&self) -> bool {
        self.message().class == Class::Success
    }

    /// The number in ERROR-CODE; 0 for a success.
    pub fn code(&self) -> u16 {
        match self.message().get(Attribute::ERROR_CODE) {
            Some([0, 0, hundreds, rest, ..]) => u16::from(*hundreds) * 100 + u16::from(*rest),
            Some(other) => panic!("not an error code: {other:?}"),
            None => 0,
        }
    }

    pub fn get(&self, attribute: Attribute) -> Option<&[u8]> {
        self.message().get(attribute)
    }

    pub fn address(&self, attribute: Attribute) -> SocketAddr {
        let message = self.message();
        let value = message.get(attribute).expect("an address");
        read_xor_address(value, message.transaction).expect("a whole address")
    }

    pub fn relayed(&self) -> SocketAddr {
        self.address(Attribute::XOR_RELAYED_ADDRESS)
    }

    pub fn lifetime(&self) -> u32 {
        let value = self.get(Attribute::LIFETIME).expect("a lifetime");
        u32::from_be_bytes(value.try_into().expect("four bytes"))
    }
}
