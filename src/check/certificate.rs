//! The certificate that browsers are shown.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use super::finding::Finding;
use super::handshake;
use crate::config;
use crate::ports::{self, TlsError};

/// The certificate's file, read.
#[derive(Debug)]
pub(super) struct Chain {
    der: Vec<CertificateDer<'static>>,
    /// The server's own first.
    certificates: Vec<Certificate>,
    pub(super) server: Arc<ServerConfig>,
}

impl Chain {
    /// # Errors
    /// A finding: a file cannot be read, or the key is not the certificate's.
    pub(super) fn read(files: &config::Tls) -> Result<Self, Finding> {
        let server = ports::server_config(&files.certificate, &files.key)
            .map_err(|error| Finding::fail(CERTIFICATE, refusal(&error)))?;
        let unreadable = |error: String| {
            let path = files.certificate.display();
            Finding::fail(CERTIFICATE, format!("http.tls.certificate {path}: {error}"))
        };
        let der: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(error.to_string()))?;
        let certificates: Vec<_> = der
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(error.to_string()))?;
        if certificates.is_empty() {
            return Err(unreadable("the file holds no certificate as PEM".into()));
        }
        Ok(Self {
            der,
            certificates,
            server,
        })
    }

    /// The server's own certificate.
    pub(super) fn own(&self) -> &CertificateDer<'static> {
        &self.der[0]
    }

    /// A line for each thing that browsers look at. `names` are those by which
    /// the server will be called; `roots` are whom browsers trust.
    pub(super) fn findings(
        &self,
        names: &[String],
        roots: RootCertStore,
        now: UnixTime,
    ) -> Vec<Finding> {
        let mut findings = vec![self.order(), self.names(names), self.dates(now)];
        findings.extend(self.trust(names, roots, now));
        findings.push(handshake::versions(&self.server));
        findings
    }

    fn order(&self) -> Finding {
        let pairs = self.certificates.iter().zip(&self.certificates[1..]);
        for (at, (certificate, next)) in pairs.enumerate() {
            let certificate = certificate.tbs_certificate();
            if certificate.issuer() != next.tbs_certificate().subject() {
                return Finding::fail(
                    CERTIFICATE,
                    format!(
                        "certificate {} of the file is not the issuer of the one before it; put \
                         the server's own first, and after each the one that it was issued by",
                        at + 2
                    ),
                );
            }
        }
        let text = match self.certificates.len() {
            1 => "one certificate, and the key is its own".to_owned(),
            count => format!("{count} certificates in order, and the key is the first one's"),
        };
        Finding::ok(CERTIFICATE, text)
    }

    fn names(&self, asked: &[String]) -> Finding {
        let (names, addresses) = self.alternative_names();
        if names.is_empty() && addresses.is_empty() {
            return Finding::fail(
                "names",
                "it has no subjectAltName, which is where browsers look for the server's name; \
                 have one issued that has",
            );
        }
        let all: Vec<_> = names
            .iter()
            .cloned()
            .chain(addresses.iter().map(ToString::to_string))
            .collect();
        let all = all.join(", ");
        let is_covered = |name: &String| match name.parse::<IpAddr>() {
            Ok(address) => addresses.contains(&address),
            Err(_) => names.iter().any(|pattern| covers(pattern, name)),
        };
        match asked.iter().find(|name| !is_covered(name)) {
            Some(missing) => Finding::fail(
                "names",
                format!("it is for {all}, and not for {missing}; have one issued for that too"),
            ),
            None if asked.is_empty() => Finding::ok(
                "names",
                format!("it is for {all}; with --name NAME it is compared with yours"),
            ),
            None => Finding::ok("names", format!("it is for {}", asked.join(", "))),
        }
    }

    /// Of the server's own certificate. Browsers may do without one of the
    /// others.
    fn dates(&self, now: UnixTime) -> Finding {
        let now = Duration::from_secs(now.as_secs());
        let validity = self.certificates[0].tbs_certificate().validity();
        let (begins, ends) = (validity.not_before, validity.not_after);
        if now < begins.to_unix_duration() {
            return Finding::fail(
                "expiry",
                format!(
                    "it is good from {} on, and this machine's clock is not there yet; \
                     set the clock right, or wait",
                    date(begins)
                ),
            );
        }
        let Some(left) = ends.to_unix_duration().checked_sub(now) else {
            return Finding::fail(
                "expiry",
                format!(
                    "it ended on {}; have it renewed, and start the server anew",
                    date(ends)
                ),
            );
        };
        let days = left.as_secs() / DAY;
        let text = format!("it ends on {}, in {days} days", date(ends));
        if days < FEW_DAYS {
            let mend = "have it renewed, and start the server anew";
            Finding::warn("expiry", format!("{text}; {mend}"))
        } else {
            Finding::ok("expiry", text)
        }
    }

    /// Nothing when what is wrong is said of names or dates already.
    fn trust(&self, asked: &[String], roots: RootCertStore, now: UnixTime) -> Option<Finding> {
        let (names, addresses) = self.alternative_names();
        let name = asked
            .first()
            .cloned()
            .or_else(|| Some(names.first()?.replace('*', "any")))
            .or_else(|| Some(addresses.first()?.to_string()))?;
        let name = ServerName::try_from(name).ok()?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .ok()?;
        let others: Vec<_> = self.others(now).map(|(der, _)| der.clone()).collect();
        match verifier.verify_server_cert(self.own(), &others, &name, &[], now) {
            Ok(_) => Some(Finding::ok(
                "trust",
                "an authority that browsers trust vouches for it",
            )),
            Err(Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. },
            )) => None,
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                Some(self.unknown(now))
            }
            Err(error) => Some(Finding::fail(
                "trust",
                format!("browsers refuse it: {error}; have another one issued"),
            )),
        }
    }

    /// Those after the server's own that are good at this time.
    fn others(
        &self,
        now: UnixTime,
    ) -> impl Iterator<Item = (&CertificateDer<'static>, &Certificate)> {
        let now = Duration::from_secs(now.as_secs());
        let all = self.der.iter().zip(&self.certificates).skip(1);
        all.filter(move |(_, certificate)| {
            let validity = certificate.tbs_certificate().validity();
            let (begins, ends) = (validity.not_before, validity.not_after);
            (begins.to_unix_duration()..=ends.to_unix_duration()).contains(&now)
        })
    }

    fn unknown(&self, now: UnixTime) -> Finding {
        let own = self.certificates[0].tbs_certificate();
        if own.issuer() == own.subject() {
            return Finding::warn(
                "trust",
                "it is signed by itself, and browsers refuse it where it was not installed; \
                 have one issued by an authority, such as Let's Encrypt",
            );
        }
        if self.certificates.len() == 1 {
            return Finding::warn(
                "trust",
                "the file has the server's own certificate only; right only if its issuer is the \
                 clinic's own authority, and installed wherever people join from, else append \
                 the certificates in between (often the file is called fullchain.pem)",
            );
        }
        let is_issuer = |other: &Certificate| other.tbs_certificate().subject() == own.issuer();
        if !self.others(now).any(|(_, other)| is_issuer(other))
            && let Some(issuer) = self.certificates[1..].iter().find(|other| is_issuer(other))
        {
            let ends = issuer.tbs_certificate().validity().not_after;
            return Finding::fail(
                "trust",
                format!(
                    "the certificate of its issuer is not good today (it ends on {}), and \
                     browsers refuse it; append the present one instead",
                    date(ends)
                ),
            );
        }
        Finding::warn(
            "trust",
            "no authority that browsers trust vouches for it; right only if the authority is \
             the clinic's own, and installed wherever people join from",
        )
    }

    fn alternative_names(&self) -> (Vec<String>, Vec<IpAddr>) {
        let own = self.certificates[0].tbs_certificate();
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        let Ok(Some((_, SubjectAltName(all)))) = own.get_extension() else {
            return (names, addresses);
        };
        for name in all {
            match name {
                GeneralName::DnsName(name) => names.push(name.as_str().to_owned()),
                GeneralName::IpAddress(bytes) => {
                    let bytes = bytes.as_bytes();
                    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
                    addresses.extend(address);
                }
                _ => {}
            }
        }
        (names, addresses)
    }
}

/// Whether others than its owner and group can read the key.
pub(super) fn key_file(path: &Path) -> Finding {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) => Finding::fail(KEY, format!("http.tls.key {shown}: {error}")),
        Ok(about) if about.mode() & 0o007 != 0 => Finding::warn(
            KEY,
            format!(
                "everybody on this machine can use http.tls.key (mode {:04o}); \
                 run: chmod o= {shown}",
                about.mode() & 0o7777
            ),
        ),
        Ok(_) => Finding::ok(KEY, "only its owner and group can use it"),
    }
}

fn refusal(error: &TlsError) -> String {
    let mend = match error {
        TlsError::Certificate { .. } | TlsError::NoCertificate { .. } => {
            "name a file that begins with -----BEGIN CERTIFICATE-----"
        }
        TlsError::Key { .. } => "name the key's own file, as PEM and not encrypted",
        TlsError::Pair(_) => {
            "name the key that the certificate was issued for, and let the server's own \
             certificate be the first of its file"
        }
    };
    format!("{error}; {mend}")
}

/// RFC 6125 §6.4.3: a star stands for the whole first label.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(rest) => name
            .split_once('.')
            .is_some_and(|(first, name)| !first.is_empty() && name.eq_ignore_ascii_case(rest)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

fn date(time: Time) -> String {
    let time = time.to_date_time();
    format!("{}-{:02}-{:02}", time.year(), time.month(), time.day())
}

const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";
const DAY: u64 = 24 * 60 * 60;
/// Authorities that renew by themselves do so a month before the end.
const FEW_DAYS: u64 = 14;

#[cfg(test)]
mod tests;
