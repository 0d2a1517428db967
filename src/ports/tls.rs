//! The server's certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Why TLS cannot be offered.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("http.tls.certificate {}: {source}", path.display())]
    Certificate { path: PathBuf, source: pem::Error },
    #[error("http.tls.certificate {}: the file holds no certificate as PEM", path.display())]
    NoCertificate { path: PathBuf },
    #[error("http.tls.key {}: {source}", path.display())]
    Key { path: PathBuf, source: pem::Error },
    #[error("http.tls: the key and the certificate do not work together: {0}")]
    Pair(rustls::Error),
}

/// TLS 1.2 and 1.3 with a certificate and key from PEM files.
///
/// # Errors
/// A file cannot be read or does not hold what it should.
pub(crate) fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |source| TlsError::Certificate {
        path: certificate.to_owned(),
        source,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate {
            path: certificate.to_owned(),
        });
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key {
        path: key.to_owned(),
        source,
    })?;
    with_certificate(chain, key)
}

/// TLS 1.2 and 1.3 with a certificate's chain and key.
///
/// # Errors
/// They do not belong together.
pub(super) fn with_certificate(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec(), STUN_TURN.to_vec()];
    Ok(Arc::new(config))
}

/// Names TURN in a handshake (RFC 7443); browsers do not.
pub(super) const STUN_TURN: &[u8] = b"stun.turn";
