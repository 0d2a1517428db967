//! `quietroom check` as an operator meets it.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use signaling::access::DevelopmentKey;

const LOCAL: &str =
    "[http]\nlisten = \"127.0.0.1:0\"\n[media]\nport = 0\nworkers = 1\n[metrics]\nlisten = \"\"\n";

#[test]
fn a_local_server_has_nothing_to_mend() {
    let checked = check("local", LOCAL);

    assert!(checked.passed, "{}", checked.output);
    for line in checked.output.lines() {
        let (verdict, rest) = line.split_at(6);
        assert!(
            ["ok", "warn", "note"].contains(&verdict.trim_end()),
            "{line}"
        );
        assert!(rest.len() > 20, "{line}");
    }
    for (verdict, words) in [
        ("ok", "every setting is known"),
        ("ok", "any free TCP port"),
        ("ok", "any free UDP port"),
        ("ok", "for this machine only"),
        ("ok", "a throw-away key"),
        ("ok", "in memory"),
        ("ok", "trains of datagrams"),
    ] {
        checked.says(verdict, words);
    }
    checked.mentions("clock");
    checked.mentions("open files");
    checked.mentions("buffers");
}

#[test]
fn bad_settings_are_one_line() {
    for settings in [
        "[meida]\n",
        "[media]\nport = -1\n",
        "[http\n",
        "\u{0}",
        "[http.tls]\ncertificate = \"x\"\n",
    ] {
        let checked = check("bad", settings);

        assert!(!checked.passed, "{}", checked.output);
        assert_eq!(checked.output.lines().count(), 1, "{}", checked.output);
        checked.says("fail", "quietroom.toml");
        assert_eq!(checked.error, "quietroom: 1 of 1 checks failed\n");
    }
    let missing = run(&["--config", "/nowhere/quietroom.toml"]);
    assert!(!missing.passed);
    missing.says("fail", "/nowhere/quietroom.toml");
}

#[test]
fn what_is_told_of_a_server_that_runs_is_so() {
    let server = Server::start("running", LOCAL);
    let settings = LOCAL.replace("127.0.0.1:0", &format!("127.0.0.1:{}", server.port));

    let checked = check("running", &settings);

    assert!(checked.passed, "{}", checked.output);
    let held = format!(
        "held by a running Quietroom (process {})",
        server.process.id()
    );
    checked.says("ok", &held);
    checked.says("ok", "it answers /healthz");
    let port = server.port;
    drop(server);
    let checked = check("running", &settings);
    checked.says("ok", &format!("TCP port {port} of 127.0.0.1 is free"));
}

#[test]
fn ports_that_others_have_fail() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
    let tcp = tcp.local_addr().map(|at| (at, tcp)).expect("it is bound");
    let udp = udp.local_addr().map(|at| (at, udp)).expect("it is bound");
    let settings = format!(
        "[http]\nlisten = \"{}\"\n[metrics]\nlisten = \"{}\"\n\
         [media]\naddresses = [\"127.0.0.1\"]\nport = {}\nworkers = 1\n",
        tcp.0,
        tcp.0,
        udp.0.port()
    );

    let checked = check("held", &settings);

    assert!(!checked.passed);
    let own = format!("(process {})", std::process::id());
    for subject in ["http.listen", "metrics.listen", "media.port"] {
        let line = checked.line(subject);
        assert!(line.starts_with("fail") && line.contains(&own), "{line}");
    }
    assert_eq!(
        checked.error,
        format!("quietroom: 3 of {} checks failed\n", checked.checks())
    );
}

#[test]
fn the_relay_s_port_is_its_own() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
    let port = taken.local_addr().expect("it is bound").port();
    let with = |turn: &str| {
        let media = "[media]\naddresses = [\"127.0.0.1\"]\n";
        LOCAL.replace("[media]\n", media) + "[turn]\n" + turn
    };
    check("relay", &with("")).says("ok", "at http.listen only");
    check("relay", &with("enabled = false\n")).says("ok", "relays nothing");
    let held = check("relay", &with(&format!("port = {port}\n")));
    assert!(
        held.line("turn.port").starts_with("fail"),
        "{}",
        held.output
    );

    drop(taken);
    let free = check("relay", &with(&format!("port = {port}\n")));
    free.says("ok", &format!("UDP port {port} of 127.0.0.1: free"));
    // In this case the settings are refused as a whole.
    let both = with(&format!("port = {port}\n")).replace("port = 0", &format!("port = {port}"));
    assert!(!check("relay", &both).passed);
}

#[test]
fn what_clients_are_told_of_the_relay_is_so() {
    let with_media = |media: &str| LOCAL.replace("[media]\n", &format!("[media]\n{media}"));
    check("told", LOCAL).says("ok", "over TCP at http.listen only");
    check("told", &with_media("tcp = false\n")).says("ok", "over TCP at http.listen only");
    let behind = LOCAL.replace("[media]", "behind_tls_proxy = true\n[media]");
    check("told", &behind).says("warn", "told of no relay");
    let folder = folder("told");
    certificate(&folder, "clinic.example");
    check("told", &tls(&folder, "127.0.0.1:0")).says("ok", "over TCP, and TLS, at http.listen");

    let public = with_media("addresses = [\"127.0.0.1\"]\n");
    let public = public.replace("127.0.0.1:0", "0.0.0.0:0");
    let others = "[turn]\nport = 3999\nother_nodes = [\"192.0.2.8:8443\"]\n";
    let note = check("told", &(public + others));
    note.says("note", "UDP 3999, UDP 49152 to 65535");
    note.says("ok", "by which other nodes see clients");
    let nowhere = format!("{LOCAL}{others}addresses = [\"192.0.2.1\"]\n");
    let nowhere = check("told", &nowhere.replace("3999", "0"));
    assert!(!nowhere.passed, "{}", nowhere.output);
    nowhere.says("fail", "192.0.2.1 is no address of this machine");
}

#[test]
fn secrets_of_relays_are_looked_at_as_a_server_does() {
    let folder = folder("secrets");
    let secret = folder.join("secret");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
    let port = taken.local_addr().expect("it is bound").port();
    let outside = |settings: &str| {
        let media = "[media]\naddresses = [\"127.0.0.1\"]\n";
        let local = LOCAL.replace("[media]\n", media);
        format!("{local}[turn]\nport = {port}\n[turn.outside]\n{settings}")
    };
    let both = format!("urls = [\"turn:a.example\"]\nsecret_file = {secret:?}\n");
    let _ = fs::remove_file(&secret);
    check("secrets", &outside(&both)).says("fail", "turn.outside.secret_file");
    fs::write(&secret, "0123456789").expect("it is writable");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("it is ours");
    check("secrets", &outside(&both)).says("fail", "fewer than 16 characters");
    fs::write(&secret, "0123456789abcdef").expect("it is writable");
    // The port is not this server's then.
    let good = check("secrets", &outside(&both));
    assert!(good.passed, "{}", good.output);
    good.says("ok", "clients are told of turn.outside.urls alone");
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).expect("it is ours");
    check("secrets", &outside(&both)).says("fail", "others than its owner can use it");
    let half = outside("secret_command = [\"echo\", \"0123456789abcdef\"]\n");
    check("secrets", &half).says("fail", "turn.outside.urls: not set");

    let own = |command: &str| format!("{LOCAL}[turn]\nsecret_command = {command}\n");
    check("secrets", &own("[\"echo\", \"short\"]")).says("fail", "fewer than 16 characters");
    let good = check("secrets", &own("[\"echo\", \"0123456789abcdef\"]"));
    assert!(good.passed, "{}", good.output);
}

#[test]
fn a_server_for_others_needs_tls_and_keys() {
    let settings = LOCAL.replace("127.0.0.1:0", "0.0.0.0:0");

    let checked = check("public", &settings);

    assert!(!checked.passed);
    checked.says("fail", "set http.tls, or http.behind_tls_proxy");
    checked.says("fail", "name the file with the clinic's public keys");
    checked.says("warn", "store.path is not set");
    checked.says("note", "cannot be known from here");
}

#[test]
fn a_proxy_that_is_not_named_is_told() {
    let settings = LOCAL.replace("[media]", "behind_tls_proxy = true\n[media]");

    check("proxy", &settings).says("warn", "name the proxy's address");

    let named = settings.replace("[media]", "trusted_proxies = [\"10.0.0.7\"]\n[media]");
    let checked = check("proxy", &named);
    assert!(
        !checked.output.contains("trusted_proxies"),
        "{}",
        checked.output
    );
}

#[test]
fn a_certificate_that_was_renewed_and_not_loaded_is_told() {
    let folder = folder("renewed");
    let key = certificate(&folder, "clinic.example");
    let settings = tls(&folder, "127.0.0.1:0");
    let server = Server::start("renewed", &settings);
    let settings = tls(&folder, &format!("127.0.0.1:{}", server.port));

    let checked = check_with("renewed", &settings, &["--name", "clinic.example"]);
    assert!(checked.passed, "{}", checked.output);
    checked.says("ok", "it answers /healthz");
    checked.says("ok", "it is for clinic.example");
    checked.says("ok", "TLS 1.2 and 1.3");
    checked.says("warn", "signed by itself");
    assert!(!checked.output.contains(&key[60..90]));
    let other = check_with("renewed", &settings, &["--name", "other.example"]);
    other.says("fail", "not for other.example");

    certificate(&folder, "clinic.example");

    check("renewed", &settings).says("warn", "another certificate");
}

#[test]
fn a_running_server_that_speaks_otherwise_fails() {
    let server = Server::start("otherwise", LOCAL);
    let folder = folder("otherwise-tls");
    certificate(&folder, "clinic.example");

    let checked = check(
        "otherwise-tls",
        &tls(&folder, &format!("127.0.0.1:{}", server.port)),
    );

    assert!(!checked.passed);
    checked.says("fail", "does not answer HTTPS");
}

#[test]
fn the_store_and_its_key_are_looked_at_and_left_as_they_were() {
    let folder = folder("store");
    let (path, key) = (folder.join("new/store"), folder.join("key"));
    let _ = fs::remove_dir_all(folder.join("new"));
    let _ = fs::remove_file(&key);
    let settings = format!("{LOCAL}[store]\npath = {path:?}\nkey_file = {key:?}\n");

    check("store", &settings).says("fail", "store-key create");

    let made = Command::new(env!("CARGO_BIN_EXE_quietroom"))
        .args(["store-key", "create"])
        .arg(&key)
        .status();
    assert!(made.expect("the binary is built").success());
    let checked = check("store", &settings);
    checked.says("ok", "is not there yet, and can be made");
    let disk = checked.line("disk");
    assert!(disk.contains("MB are free"), "{disk}");
    assert!(!folder.join("new").exists(), "it was only looked at");

    drop(Server::start("store", &settings));
    let checked = check("store", &settings);
    checked.says("ok", "opens with the key");
    let secret = fs::read_to_string(&key).expect("it is ours");
    let secret = secret.trim();
    assert!(
        !checked.output.contains(&secret[..16]),
        "{}",
        checked.output
    );

    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");
    check("store", &settings).says("warn", "chmod 600");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("it is ours");
    check("store", &settings).says("fail", "others than its owner can use it");
}

#[test]
fn keys_that_cannot_be_had_fail() {
    let folder = folder("keys");
    let jwks = folder.join("keys.json");
    fs::write(&jwks, DevelopmentKey::generate().to_jwks()).expect("it is writable");
    let with = |place: &str| format!("{LOCAL}[access]\njwks = {place:?}\n");
    check("keys", &with(&jwks.to_string_lossy())).says("ok", "has keys");

    fs::write(&jwks, "{}").expect("it is writable");
    check("keys", &with(&jwks.to_string_lossy())).says("fail", "it is not a JWK Set");
    check("keys", &with("/nowhere/keys.json")).says("fail", "nobody can join");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
    let port = nobody.local_addr().expect("it is bound").port();
    drop(nobody);
    let site = format!("https://127.0.0.1:{port}/keys");
    check("keys", &with(&site)).says("fail", "nobody can join");
}

/// What was said.
struct Checked {
    passed: bool,
    output: String,
    error: String,
}

impl Checked {
    fn says(&self, verdict: &str, words: &str) {
        let is_said = self
            .output
            .lines()
            .any(|line| line.starts_with(&format!("{verdict} ")) && line.contains(words));
        assert!(is_said, "{verdict} … {words} is not in\n{}", self.output);
    }

    fn mentions(&self, subject: &str) {
        self.line(subject);
    }

    fn line(&self, subject: &str) -> &str {
        let mut lines = self.output.lines();
        lines
            .find(|line| line[6..].starts_with(subject))
            .unwrap_or_else(|| panic!("no line of {subject} in\n{}", self.output))
    }

    fn checks(&self) -> usize {
        let lines = self.output.lines();
        lines.filter(|line| !line.starts_with("note")).count()
    }
}

fn check(name: &str, settings: &str) -> Checked {
    check_with(name, settings, &[])
}

fn check_with(name: &str, settings: &str, flags: &[&str]) -> Checked {
    let file = folder(name).join("quietroom.toml");
    fs::write(&file, settings).expect("it is writable");
    let file = file.to_string_lossy();
    run(&[&["--config", &*file], flags].concat())
}

fn run(flags: &[&str]) -> Checked {
    let output = Command::new(env!("CARGO_BIN_EXE_quietroom"))
        .arg("check")
        .args(flags)
        .output()
        .expect("the binary is built");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it is UTF-8");
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    Checked {
        passed: output.status.success(),
        output: text(&output.stdout),
        error: text(&output.stderr),
    }
}

/// A folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("check")
        .join(name);
    fs::create_dir_all(&folder).expect("it is writable");
    folder
}

/// Puts a new certificate and its key there; gives the key.
fn certificate(folder: &Path, name: &str) -> String {
    let key = KeyPair::generate().expect("it is random");
    let params = CertificateParams::new([name.to_owned()]).expect("it is a name");
    let certificate = params.self_signed(&key).expect("it signs");
    fs::write(folder.join("chain.pem"), certificate.pem()).expect("it is writable");
    let pem = key.serialize_pem();
    fs::write(folder.join("key.pem"), &pem).expect("it is writable");
    pem
}

fn tls(folder: &Path, listen: &str) -> String {
    let folder = folder.display();
    let files =
        format!("[http.tls]\ncertificate = \"{folder}/chain.pem\"\nkey = \"{folder}/key.pem\"\n");
    LOCAL.replace("127.0.0.1:0", listen) + &files
}

/// A server; it ends when this is dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(name: &str, settings: &str) -> Self {
        let file = folder(name).join("serve.toml");
        fs::write(&file, settings).expect("it is writable");
        let mut process = Command::new(env!("CARGO_BIN_EXE_quietroom"))
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        let output = process.stdout.take().expect("it is piped");
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        let link = lines.into_iter().find(|line| line.contains("://"));
        let link = link.expect("it says where it is");
        let (_, port) = link.rsplit_once(':').expect("with its port");
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        Self {
            process,
            port: port.parse().expect("a port"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
