//! TURN servers under test.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

use super::message::Login;
use super::wire::Transport;
use crate::random;
use crate::scenario::{Arrival, Person, Scenario, Video};
use crate::system::namespace::Network;
use crate::target::process::{Folder, Process, find_program};
use crate::target::quietroom::Quietroom;
use crate::target::{KeptOpen, Setting, TargetError, Way};
use crate::trial::Machine;

/// A TURN server at work.
#[derive(Debug)]
pub enum TurnServer {
    Coturn(Coturn),
    Quietroom(Box<Relaying>),
}

/// Debian's coturn with one thread for all.
#[derive(Debug)]
pub struct Coturn {
    process: Process,
    /// UDP and TCP.
    plain: SocketAddr,
    tls: SocketAddr,
    secret: String,
    version: String,
}

/// Quietroom with people who only use its relay.
#[derive(Debug)]
pub struct Relaying {
    quietroom: Quietroom,
    logins: Vec<Login>,
    _stays: Vec<KeptOpen>,
}

impl TurnServer {
    /// Quietroom, which relays to `peers` and lets in so many `people`.
    ///
    /// # Errors
    /// It does not start, or offers no relay.
    pub async fn quietroom(
        machine: &Machine,
        people: usize,
        peers: Vec<SocketAddr>,
    ) -> Result<Self, TargetError> {
        let setting = Setting {
            scenario: nobody(),
            network: machine.network,
            cores: machine.server_cores.clone(),
            identity: machine.identity.clone(),
            profiles: machine.profiles.clone(),
            loss: 0.0,
            quietroom: machine.quietroom.clone(),
            way: Way::Straight,
            peers,
        };
        let quietroom = Quietroom::start(&setting).await?;
        let (mut logins, mut stays) = (Vec::new(), Vec::new());
        for index in 0..people {
            let person = Person {
                room: index,
                index,
                leaf: 0,
                publishes: false,
                receives: 0,
            };
            let (stay, login) = quietroom.relay_login(person).await?;
            stays.push(stay);
            logins.push(login);
        }
        Ok(Self::Quietroom(Box::new(Relaying {
            quietroom,
            logins,
            _stays: stays,
        })))
    }

    /// # Errors
    /// It is not there, or does not start.
    pub async fn coturn(network: Network, cores: &[usize]) -> Result<Self, TargetError> {
        let program = find_program("turnserver").ok_or_else(|| {
            TargetError::Absent(
                "no `turnserver` on the PATH; Debian has it: apt-get install coturn".into(),
            )
        })?;
        let folder = Folder::new()?;
        write_certificate(folder.path(), network.address)?;
        let (plain, tls) = (free(network.address)?, free(network.address)?);
        let secret = random::hex(16);
        let file = folder.path().join("turnserver.conf");
        fs::write(
            &file,
            configuration(folder.path(), network, plain, tls, &secret),
        )?;
        let version = version(&program);
        let mut command = Command::new(program);
        command.arg("-c").arg(file);
        let mut process = Process::start(command, cores, folder)?;
        process.listening(plain, START).await?;
        Ok(Self::Coturn(Coturn {
            process,
            plain,
            tls,
            secret,
            version,
        }))
    }

    /// Where it is reached; `None` if it was not set up for that.
    pub fn address(&self, transport: Transport) -> Option<SocketAddr> {
        match (self, transport) {
            (Self::Coturn(coturn), Transport::Udp | Transport::Tcp) => Some(coturn.plain),
            (Self::Coturn(coturn), Transport::Tls) => Some(coturn.tls),
            (Self::Quietroom(relaying), Transport::Udp) => Some(relaying.quietroom.turn_address()),
            (Self::Quietroom(relaying), Transport::Tcp) => Some(relaying.quietroom.http_address()),
            (Self::Quietroom(_), Transport::Tls) => None,
        }
    }

    /// What one of its people signs in with.
    pub fn login(&self, index: usize) -> Login {
        match self {
            Self::Coturn(coturn) => Login::new(&coturn.secret, &format!("person-{index}")),
            Self::Quietroom(relaying) => relaying.logins[index % relaying.logins.len()].clone(),
        }
    }

    pub fn process_id(&self) -> u32 {
        match self {
            Self::Coturn(coturn) => coturn.process.id(),
            Self::Quietroom(relaying) => relaying.quietroom.process_id(),
        }
    }

    pub fn version(&self) -> &str {
        match self {
            Self::Coturn(coturn) => &coturn.version,
            Self::Quietroom(relaying) => relaying.quietroom.version(),
        }
    }

    /// The end of what it said.
    pub fn output(&self) -> String {
        match self {
            Self::Coturn(coturn) => coturn.process.output(),
            Self::Quietroom(relaying) => relaying.quietroom.output(),
        }
    }
}

/// A server's settings follow from its scenario; here rooms have nobody.
fn nobody() -> Scenario {
    Scenario {
        rooms: 1,
        publishers: 1,
        subscribers: 1,
        video: Video {
            bitrate: 0,
            frames_a_second: 1.0,
            simulcast: false,
            arrival: Arrival::Burst,
            misframed: 0.0,
        },
        audio: false,
        duration: Duration::ZERO,
    }
}

fn configuration(
    folder: &Path,
    network: Network,
    plain: SocketAddr,
    tls: SocketAddr,
    secret: &str,
) -> String {
    let address = network.address;
    let folder = folder.display();
    let mut text = format!(
        "listening-ip={address}\nrelay-ip={address}\n\
         listening-port={}\ntls-listening-port={}\n\
         relay-threads=1\nuse-auth-secret\nstatic-auth-secret={secret}\nrealm=loadtest\n\
         cert={folder}/chain.pem\npkey={folder}/key.pem\n\
         userdb={folder}/turndb\npidfile={folder}/pid\nlog-file=stdout\n\
         no-cli\nno-dtls\nno-multicast-peers\nno-stdout-log\n",
        plain.port(),
        tls.port()
    );
    if !network.is_private {
        text.push_str("allow-loopback-peers\n");
    }
    text
}

/// A port that is free for UDP and for TCP.
fn free(address: IpAddr) -> io::Result<SocketAddr> {
    for _ in 0..100 {
        let udp = UdpSocket::bind((address, 0))?;
        let place = udp.local_addr()?;
        if TcpListener::bind(place).is_ok() {
            return Ok(place);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn write_certificate(folder: &Path, address: IpAddr) -> io::Result<()> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let params = CertificateParams::new([address.to_string()]).map_err(io::Error::other)?;
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    fs::write(folder.join("chain.pem"), certificate.pem())?;
    fs::write(folder.join("key.pem"), key.serialize_pem())
}

fn version(program: &Path) -> String {
    let said = Command::new(program).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    said.lines()
        .next_back()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

const START: Duration = Duration::from_secs(10);
