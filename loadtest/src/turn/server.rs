//! TURN servers under test.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

use super::wire::Transport;
use crate::random;
use crate::system::namespace::Network;
use crate::target::TargetError;
use crate::target::process::{Folder, Process, find_program};

/// A TURN server at work.
#[derive(Debug)]
pub struct TurnServer {
    process: Process,
    /// UDP and TCP.
    plain: SocketAddr,
    tls: SocketAddr,
    secret: String,
    version: String,
}

impl TurnServer {
    /// Debian's coturn with one thread for all.
    ///
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
        Ok(Self {
            process,
            plain,
            tls,
            secret,
            version,
        })
    }

    pub fn address(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Udp | Transport::Tcp => self.plain,
            Transport::Tls => self.tls,
        }
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// The end of what it said.
    pub fn output(&self) -> String {
        self.process.output()
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
