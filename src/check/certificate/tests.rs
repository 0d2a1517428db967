use std::env;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use super::super::finding::Verdict;
use super::*;
use crate::token;

/// An authority, one in between, and a server's certificate that ends on
/// 2026-07-01.
struct Issued {
    root: CertificateDer<'static>,
    /// As PEM.
    between: String,
    /// Likewise, which ended on 2026-03-01.
    ended: String,
    own: String,
    key: String,
}

fn issue(names: &[&str]) -> Issued {
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params
    };
    let key = || KeyPair::generate().expect("it is random");
    let root =
        CertifiedIssuer::self_signed(authority(&token::random_id()), key()).expect("it signs");
    let between = CertifiedIssuer::signed_by(authority("between"), key(), &root).expect("it signs");
    let mut before = authority("between");
    before.not_before = date_time_ymd(2025, 3, 1);
    before.not_after = date_time_ymd(2026, 3, 1);
    let before = before.signed_by(&key(), &root).expect("it signs");
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("they are names");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "server");
    params.not_before = date_time_ymd(2026, 4, 1);
    params.not_after = date_time_ymd(2026, 7, 1);
    let own_key = key();
    let own = params.signed_by(&own_key, &between).expect("it signs");
    Issued {
        root: root.der().clone(),
        between: between.pem(),
        ended: before.pem(),
        own: own.pem(),
        key: own_key.serialize_pem(),
    }
}

/// Files that are gone with the test.
struct Files(PathBuf);

impl Files {
    fn new(chain: &[&str], key: &str) -> Self {
        let name = format!("quietroom-check-{}", token::random_id());
        let folder = env::temp_dir().join(name);
        fs::create_dir(&folder).expect("it is writable");
        fs::write(folder.join("chain.pem"), chain.concat()).expect("it is writable");
        fs::write(folder.join("key.pem"), key).expect("it is writable");
        Self(folder)
    }

    fn settings(&self) -> config::Tls {
        config::Tls {
            certificate: self.0.join("chain.pem"),
            key: self.0.join("key.pem"),
        }
    }

    fn read(&self) -> Result<Chain, Finding> {
        Chain::read(&self.settings())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn roots(trusted: &[&CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for root in trusted {
        roots.add((*root).clone()).expect("it is an authority's");
    }
    roots
}

fn on(year: i32, month: u8, day: u8) -> UnixTime {
    let seconds = date_time_ymd(year, month, day).unix_timestamp();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds.unsigned_abs()))
}

fn verdicts(findings: &[Finding]) -> Vec<Verdict> {
    findings.iter().map(|finding| finding.verdict).collect()
}

fn in_may() -> UnixTime {
    on(2026, 5, 1)
}

#[test]
fn a_good_certificate_is_good_in_every_line() {
    let issued = issue(&["clinic.example", "*.clinic.example"]);
    let files = Files::new(&[&issued.own, &issued.between], &issued.key);
    let chain = files.read().expect("it is good");
    let names = ["clinic.example".to_owned(), "a.CLINIC.example".to_owned()];

    let findings = chain.findings(&names, roots(&[&issued.root]), in_may());

    assert_eq!(verdicts(&findings), [Verdict::Ok; 5], "{findings:#?}");
}

#[test]
fn a_name_that_it_is_not_for_fails() {
    let issued = issue(&["*.clinic.example", "192.0.2.7"]);
    let files = Files::new(&[&issued.own, &issued.between], &issued.key);
    let chain = files.read().expect("it is good");

    for wrong in [
        "clinic.example",
        "a.b.clinic.example",
        ".clinic.example",
        "192.0.2.8",
        "x",
    ] {
        let finding = chain.names(&[wrong.to_owned()]);
        assert_eq!(finding.verdict, Verdict::Fail, "{wrong}: {finding}");
    }
    for right in ["a.clinic.example", "192.0.2.7"] {
        assert_eq!(
            chain.names(&[right.to_owned()]).verdict,
            Verdict::Ok,
            "{right}"
        );
    }
}

#[test]
fn a_certificate_for_no_name_fails() {
    let issued = issue(&[]);
    let files = Files::new(&[&issued.own, &issued.between], &issued.key);

    let finding = files.read().expect("it can be read").names(&[]);

    assert_eq!(finding.verdict, Verdict::Fail, "{finding}");
}

#[test]
fn a_chain_out_of_order_fails() {
    let issued = issue(&["clinic.example"]);
    let other = issue(&["clinic.example"]);
    let files = Files::new(&[&issued.own, &other.own], &issued.key);

    let order = files.read().expect("the key is the first one's").order();

    assert_eq!(order.verdict, Verdict::Fail, "{order}");
    assert!(
        order.to_string().contains("certificate 2 of the file"),
        "{order}"
    );
    let files = Files::new(&[&issued.between, &issued.own], &issued.key);
    let refused = files.read().expect_err("the key is not the first one's");
    assert_eq!(refused.verdict, Verdict::Fail, "{refused}");
    assert!(
        refused.to_string().contains("the first of its file"),
        "{refused}"
    );
}

#[test]
fn a_chain_that_lacks_the_issuer_is_doubtful() {
    let issued = issue(&["clinic.example"]);
    let files = Files::new(&[&issued.own], &issued.key);
    let chain = files.read().expect("it is good");

    let trust = chain.trust(&[], roots(&[&issued.root]), in_may());

    let trust = trust.expect("it is told");
    // It may be straight from an authority of the clinic's own.
    assert_eq!(trust.verdict, Verdict::Warn, "{trust}");
    assert!(trust.to_string().contains("fullchain.pem"), "{trust}");
}

#[test]
fn others_that_have_ended_matter_only_where_nothing_stands_in_for_them() {
    let issued = issue(&["clinic.example"]);
    let trust = |chain: &[&str], trusted: &Issued| {
        let files = Files::new(chain, &issued.key);
        let chain = files.read().expect("it is good");
        assert_eq!(chain.dates(in_may()).verdict, Verdict::Ok);
        let trust = chain.trust(&[], roots(&[&trusted.root]), in_may());
        trust.expect("it is told")
    };
    let Issued { own, between, .. } = &issued;
    let ended = &issued.ended;

    // As a cross-signed one is.
    let trusted = trust(&[own, between, ended], &issued);
    assert_eq!(trusted.verdict, Verdict::Ok, "{trusted}");
    let unknown = trust(&[own, between, ended], &issue(&["clinic.example"]));
    assert_eq!(unknown.verdict, Verdict::Warn, "{unknown}");
    let alone = trust(&[own, ended], &issued);
    assert_eq!(alone.verdict, Verdict::Fail, "{alone}");
    assert!(alone.to_string().contains("2026-03-01"), "{alone}");
}

#[test]
fn an_authority_of_the_clinic_s_own_is_doubtful() {
    let issued = issue(&["clinic.example"]);
    let stranger = issue(&["clinic.example"]);
    let files = Files::new(&[&issued.own, &issued.between], &issued.key);
    let chain = files.read().expect("it is good");

    let trust = chain.trust(&[], roots(&[&stranger.root]), in_may());

    assert_eq!(trust.map(|finding| finding.verdict), Some(Verdict::Warn));
}

#[test]
fn one_that_signed_itself_is_doubtful() {
    let key = KeyPair::generate().expect("it is random");
    let params = CertificateParams::new(["clinic.example".to_owned()]).expect("a name");
    let own = params.self_signed(&key).expect("it signs");
    let files = Files::new(&[&own.pem()], &key.serialize_pem());
    let chain = files.read().expect("it can be read");
    let stranger = issue(&["clinic.example"]);

    let trust = chain.trust(&[], roots(&[&stranger.root]), in_may());

    let trust = trust.expect("it is told");
    assert_eq!(trust.verdict, Verdict::Warn, "{trust}");
    assert!(trust.to_string().contains("signed by itself"), "{trust}");
}

#[test]
fn its_end_is_told_before_it_comes() {
    let issued = issue(&["clinic.example"]);
    let files = Files::new(&[&issued.own, &issued.between], &issued.key);
    let chain = files.read().expect("it is good");

    for (now, verdict, words) in [
        (on(2026, 3, 31), Verdict::Fail, "from 2026-04-01 on"),
        (on(2026, 4, 2), Verdict::Ok, "in 90 days"),
        (on(2026, 6, 17), Verdict::Ok, "in 14 days"),
        (on(2026, 6, 18), Verdict::Warn, "in 13 days"),
        (on(2026, 7, 2), Verdict::Fail, "it ended on 2026-07-01"),
    ] {
        let finding = chain.dates(now);
        assert_eq!(finding.verdict, verdict, "{finding}");
        assert!(finding.to_string().contains(words), "{finding}");
    }
}

#[test]
fn what_is_no_certificate_or_key_is_one_line_with_a_mend() {
    let issued = issue(&["clinic.example"]);
    let stranger = KeyPair::generate().expect("it is random").serialize_pem();
    let own = issued.own.as_str();
    let key = issued.key.as_str();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (chain, key, words) in [
        ("", key, "BEGIN CERTIFICATE"),
        (broken, key, "http.tls"),
        (own, "", "as PEM and not encrypted"),
        (own, own, "as PEM and not encrypted"),
        (
            own,
            stranger.as_str(),
            "the key that the certificate was issued for",
        ),
    ] {
        let files = Files::new(&[chain], key);
        let finding = files.read().expect_err("it is of no use");
        assert_eq!(finding.verdict, Verdict::Fail);
        let finding = finding.to_string();
        assert!(finding.contains(words), "{finding}");
        assert_eq!(finding.lines().count(), 1);
        assert!(!finding.contains(&stranger[30..60]), "{finding}");
    }
}

#[test]
fn a_key_that_everybody_can_read_is_told() {
    let files = Files::new(&[], "");
    let key = files.settings().key;
    for (mode, verdict) in [
        (0o600, Verdict::Ok),
        (0o640, Verdict::Ok),
        (0o644, Verdict::Warn),
    ] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).expect("it is ours");
        assert_eq!(key_file(&key).verdict, verdict, "{mode:o}");
    }
    assert_eq!(key_file(Path::new("/nowhere/key")).verdict, Verdict::Fail);
}
