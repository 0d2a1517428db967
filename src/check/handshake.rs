//! TLS as a browser would begin it, with a server of our own in memory or with
//! one that runs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, DigitallySignedStruct, Error, ServerConfig,
    ServerConnection, SideData, SignatureScheme, Stream, SupportedProtocolVersion,
};

use super::finding::Finding;

/// Whether both versions of TLS that browsers speak work with the server's
/// certificate and key.
pub(super) fn versions(server: &Arc<ServerConfig>) -> Finding {
    for (name, version) in [("1.2", &TLS12), ("1.3", &TLS13)] {
        if let Err(error) = in_memory(server, version) {
            return Finding::fail(
                "tls",
                format!("a handshake with TLS {name} fails: {error}; have another key issued"),
            );
        }
    }
    Finding::ok(
        "tls",
        "TLS 1.2 and 1.3 work with it; older ones are not spoken",
    )
}

/// What a running server said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) is_healthy: bool,
    /// What it shows, if it speaks TLS.
    pub(super) certificate: Option<CertificateDer<'static>>,
}

/// Asks a running server whether it is well.
///
/// # Errors
/// It does not answer within some seconds.
pub(super) fn ask(address: SocketAddr, with_tls: bool) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if !with_tls {
        return Ok(Answer {
            is_healthy: is_healthy(&mut stream)?,
            certificate: None,
        });
    }
    let mut client = client(&[&TLS12, &TLS13], address).map_err(io::Error::other)?;
    let is_healthy = is_healthy(&mut Stream::new(&mut client, &mut stream))?;
    let certificate = client.peer_certificates().and_then(|chain| chain.first());
    Ok(Answer {
        is_healthy,
        certificate: certificate.cloned().map(CertificateDer::into_owned),
    })
}

fn is_healthy(stream: &mut (impl Read + Write)) -> io::Result<bool> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"HTTP/1.1 200")
}

fn in_memory(
    server: &Arc<ServerConfig>,
    version: &'static SupportedProtocolVersion,
) -> Result<(), Error> {
    let mut client = client(&[version], SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let mut server = ServerConnection::new(server.clone())?;
    for _ in 0..MOST_FLIGHTS {
        if !client.is_handshaking() && !server.is_handshaking() {
            return Ok(());
        }
        pass(&mut client, &mut server)?;
        pass(&mut server, &mut client)?;
    }
    Err(Error::HandshakeNotComplete)
}

/// Gives all that one side has to say to the other.
fn pass<From: SideData, To: SideData>(
    from: &mut ConnectionCommon<From>,
    to: &mut ConnectionCommon<To>,
) -> Result<(), Error> {
    let broken = |error: io::Error| Error::General(error.to_string());
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).map_err(broken)?;
    }
    let mut unread = &*bytes;
    while !unread.is_empty() {
        to.read_tls(&mut unread).map_err(broken)?;
        to.process_new_packets()?;
    }
    Ok(())
}

fn client(
    versions: &[&'static SupportedProtocolVersion],
    server: SocketAddr,
) -> Result<ClientConnection, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::from(server.ip()))
}

/// Whoever the certificate is for, it is only looked at. That its key is there
/// is made sure of.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

const PATIENCE: Duration = Duration::from_secs(2);

/// TLS 1.2 has four.
const MOST_FLIGHTS: usize = 8;
