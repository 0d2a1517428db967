//! Where the clinic's keys come from: a file or a web address.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{KeySet, KeySetError};

/// A place to fetch a JWK Set from. Fetching waits: never on an async thread.
#[derive(Clone, Debug)]
pub struct KeySource(Place);

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Url { address: String, agent: Agent },
}

/// Why no keys came.
#[derive(Debug, Error)]
pub enum KeySourceError {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Http(Box<ureq::Error>),
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Keys(#[from] KeySetError),
}

/// A file of certificates holds none, or something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the file holds no certificate as PEM")]
pub struct NoCertificates;

impl KeySource {
    pub fn file(path: PathBuf) -> Self {
        Self(Place::File(path))
    }

    /// Whether reading it asks nobody.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.0, Place::File(_))
    }

    /// An `https://` address. Its server must show a certificate of one of
    /// `authorities` (PEM), or without them of one that browsers trust.
    /// Redirects are not followed.
    ///
    /// # Errors
    /// `authorities` are no certificates.
    pub fn url(address: String, authorities: Option<&[u8]>) -> Result<Self, NoCertificates> {
        let roots = match authorities {
            None => RootCerts::WebPki,
            Some(pem) => {
                let certificates: Vec<_> = rustls_pki_types::CertificateDer::pem_slice_iter(pem)
                    .map(|der| der.map(|der| Certificate::from_der(&der).to_owned()))
                    .collect::<Result<_, _>>()
                    .map_err(|_| NoCertificates)?;
                if certificates.is_empty() {
                    return Err(NoCertificates);
                }
                RootCerts::new_with_certs(&certificates)
            }
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .max_redirects(0)
            .max_response_header_size(16 * 1024)
            .max_idle_connections(0)
            .timeout_global(Some(FETCH_TIMEOUT))
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self(Place::Url { address, agent }))
    }

    /// Reads the set as it is now. Takes up to 5 s.
    pub fn fetch(&self) -> Result<KeySet, KeySourceError> {
        let json = match &self.0 {
            Place::File(path) => read(File::open(path)?)?,
            Place::Url { address, agent } => {
                let mut response = agent
                    .get(address)
                    .header("accept", "application/jwk-set+json, application/json")
                    .call()
                    .map_err(|error| KeySourceError::Http(Box::new(error)))?;
                if response.status() != 200 {
                    let status = ureq::Error::StatusCode(response.status().as_u16());
                    return Err(KeySourceError::Http(Box::new(status)));
                }
                read(response.body_mut().as_reader())?
            }
        };
        Ok(KeySet::from_json(&json)?)
    }
}

fn read(source: impl Read) -> Result<String, KeySourceError> {
    let mut text = String::new();
    source.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(KeySourceError::TooLarge);
    }
    Ok(text)
}

/// Sixteen of the largest keys have 25 KB.
const MAX_BYTES: u64 = 64 * 1024;

const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_tls_is_not_asked() {
        let source = KeySource::url("http://127.0.0.1:1/keys".into(), None).expect("no files");

        let error = source.fetch().expect_err("it is plain");

        assert!(
            matches!(&error, KeySourceError::Http(error) if matches!(**error, ureq::Error::RequireHttpsOnly(_))),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for pem in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
        ] {
            let source = KeySource::url("https://localhost".into(), Some(pem.as_bytes()));
            assert!(matches!(source, Err(NoCertificates)));
        }
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        let error = KeySource::file("/dev/zero".into()).fetch();

        assert!(matches!(error, Err(KeySourceError::TooLarge)), "{error:?}");
    }
}
