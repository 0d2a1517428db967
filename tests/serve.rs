//! The `quietroom` command as an operator meets it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const LOCAL: &str =
    "[http]\nlisten = \"127.0.0.1:0\"\n[media]\nport = 0\nworkers = 1\n[metrics]\nlisten = \"\"\n";

#[test]
fn one_link_is_printed_and_the_server_ends_cleanly() {
    let server = Server::start("one_link", LOCAL);

    assert!(server.link.starts_with("http://localhost:"));
    assert!(server.link.contains("/#invitation="));

    let asked = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[test]
fn whoever_has_the_link_gets_tokens_that_are_bound_to_a_key() {
    let server = Server::start("demo_tokens", LOCAL);
    let (_, invitation) = server
        .link
        .split_once('#')
        .expect("the link has a fragment");
    let thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    let body = format!("{{\"thumbprint\": \"{thumbprint}\"}}");

    let given = server.post(&format!("/demo/token?{invitation}"), &body);

    assert!(given.starts_with("HTTP/1.1 200 "), "{given}");
    let (_, answer) = given.split_once("\r\n\r\n").expect("it has a body");
    let answer: serde_json::Value = serde_json::from_str(answer).expect("it is JSON");
    let claims = answer["token"].as_str().expect("a token");
    let claims = claims.split('.').nth(1).expect("a payload");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("it is JSON");
    assert_eq!(claims["cnf"]["jkt"], thumbprint);
    for (path, body, status) in [
        ("/demo/token?invitation=0", body.as_str(), "403"),
        ("/demo/token", body.as_str(), "403"),
        (&format!("/demo/token?{invitation}"), "{}", "400"),
        (
            &format!("/demo/token?{invitation}"),
            "{\"thumbprint\": \"x\"}",
            "400",
        ),
        (
            &format!("/demo/token?{invitation}"),
            &"x".repeat(2_000),
            "413",
        ),
    ] {
        let refused = server.post(path, body);
        assert!(
            refused.starts_with(&format!("HTTP/1.1 {status} ")),
            "{refused}"
        );
    }
}

#[test]
fn the_link_is_of_the_address_that_is_listened_on() {
    let other = LOCAL.replace("127.0.0.1:0", "127.0.0.2:0");

    let server = Server::start("other_loopback", &other);

    assert!(
        server.link.starts_with("http://127.0.0.2:"),
        "{}",
        server.link
    );
}

#[test]
fn pages_come_with_headers_that_confine_them() {
    let server = Server::start("headers", LOCAL);

    let health = server.get("/healthz");
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    for path in ["/", "/healthz", "/nothing-here"] {
        let response = server.get(path).to_ascii_lowercase();
        assert!(response.contains("\r\ncontent-security-policy: default-src 'none'; "));
        assert!(response.contains("\r\nx-content-type-options: nosniff\r\n"));
        assert!(response.contains("\r\nreferrer-policy: no-referrer\r\n"));
        assert!(response.contains("\r\npermissions-policy: camera=(self)"));
    }
    let page = server.get("/");
    assert!(page.contains("text/html"), "{page}");
    assert!(page.contains("cache-control: no-cache"), "{page}");
}

#[test]
fn pages_are_framed_by_the_origins_of_the_settings_only() {
    let policy = |name: &str, config: &str| {
        let page = Server::start(name, config).get("/").to_ascii_lowercase();
        let (_, policy) = page.split_once("frame-ancestors ").expect("a directive");
        policy.lines().next().expect("a line").to_owned()
    };
    let clinic = LOCAL.replace(
        "[http]\n",
        "[http]\nframe_origins = [\"https://clinic.example\", \"http://localhost:3000\"]\n",
    );

    assert_eq!(policy("not_framed", LOCAL), "'self'");
    assert_eq!(
        policy("framed", &clinic),
        "'self' https://clinic.example http://localhost:3000"
    );
}

#[test]
fn files_outside_the_client_are_not_served() {
    let server = Server::start("outside", LOCAL);

    for path in [
        "/../Cargo.toml",
        "/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/assets/../../package.json",
        "//etc/passwd",
    ] {
        let response = server.get(path);
        assert!(response.starts_with("HTTP/1.1 404 "), "{path}: {response}");
    }
}

#[test]
fn the_port_of_pages_has_the_relay_and_media_too() {
    let server = Server::start("one_port", LOCAL);
    let binding = b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!";
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("it is open");
        stream
    };

    let mut client = connect();
    client.write_all(binding).expect("it reads");
    let mut head = [0; 20];
    client.read_exact(&mut head).expect("the relay answers");
    assert_eq!(head[..2], [1, 1]);
    assert_eq!(&head[8..], b"transaction!");

    // Nobody's check, in a frame.
    let mut client = connect();
    let user = b"\x00\x06\x00\x0800ab:abc";
    let head = b"\x00\x20\x00\x01\x00\x0c\x21\x12\xa4\x42transaction!";
    client
        .write_all(&[&head[..], user].concat())
        .expect("it reads");
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:02x?}");
}

#[test]
fn a_port_in_use_is_one_line_that_names_the_setting() {
    let server = Server::start("in_use", LOCAL);
    let port = server.port();

    let output = fail(
        "in_use_too",
        &format!("[http]\nlisten = \"127.0.0.1:{port}\"\n"),
    );

    assert_eq!(
        output,
        format!(
            "quietroom: http.listen: TCP port {port} of 127.0.0.1 is in use; \
             choose another, or end what uses it\n"
        )
    );
}

#[test]
fn a_metrics_port_in_use_is_one_line_that_names_the_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
    let port = taken.local_addr().expect("it is bound").port();

    let output = fail(
        "metrics_in_use",
        &format!("[http]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:{port}\"\n"),
    );

    assert_eq!(
        output,
        format!(
            "quietroom: metrics.listen: TCP port {port} of 127.0.0.1 is in use; \
             choose another, or \"\" for no metrics\n"
        )
    );
}

#[test]
fn a_media_port_in_use_is_one_line_that_names_the_setting() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
    let port = taken.local_addr().expect("it is bound").port();

    let output = fail(
        "media_in_use",
        &format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n\
             [media]\naddresses = [\"127.0.0.1\"]\nport = {port}\nworkers = 1\n\
             [metrics]\nlisten = \"\"\n\
             [turn]\nenabled = false\n[limits]\nparticipants = 10\n"
        ),
    );

    assert!(
        output.starts_with(&format!(
            "quietroom: media.port: UDP port {port} of 127.0.0.1 is in use"
        )),
        "{output}"
    );
    assert_eq!(output.lines().count(), 1);
}

#[test]
fn what_would_be_unsafe_does_not_start() {
    let jwks = key_file("unsafe").1;
    let public = "[http]\nlisten = \"0.0.0.0:0\"\n";

    let without_keys = fail("no_keys", public);
    assert!(
        without_keys.contains("access.jwks: not set"),
        "{without_keys}"
    );

    let in_the_clear = fail("clear", &format!("{public}[access]\njwks = {jwks:?}\n"));
    assert!(
        in_the_clear.contains("http.behind_tls_proxy"),
        "{in_the_clear}"
    );
}

#[test]
fn bad_settings_and_files_are_one_line() {
    for (name, config, expected) in [
        ("unknown", "[http]\nport = 1\n", "http.port: unknown field"),
        (
            "absent_keys",
            "[access]\njwks = \"/nonexistent/keys.json\"\n",
            "access.jwks /nonexistent/keys.json: No such file",
        ),
        (
            "absent_certificate",
            "[http.tls]\ncertificate = \"/nonexistent/c.pem\"\nkey = \"/nonexistent/k.pem\"\n",
            "http.tls.certificate /nonexistent/c.pem: ",
        ),
    ] {
        let output = fail(name, config);
        assert!(output.contains(expected), "{output}");
        assert_eq!(output.lines().count(), 1, "{output}");
    }
}

#[test]
fn a_secret_in_the_public_keys_is_refused() {
    let folder = folder("secret_keys");
    let path = folder.join("keys.json");
    fs::write(&path, r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#).expect("it is writable");

    let output = fail("secret_keys", &format!("[access]\njwks = {path:?}\n"));

    assert!(output.contains("public keys only"), "{output}");
}

#[test]
fn a_token_is_all_that_stdout_gets_and_its_key_is_kept_private() {
    let (output, jwks) = key_file("token");

    assert!(output.status.success());
    let token = String::from_utf8(output.stdout).expect("a token is text");
    assert_eq!(token.trim_end().split('.').count(), 3);
    assert_eq!(token.lines().count(), 1);
    let key = jwks.with_file_name("key.pem");
    let mode = fs::metadata(&key)
        .expect("the key is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let public = fs::read_to_string(&jwks).expect("the public half is there");
    assert!(!public.contains("\"d\""));

    let again = token_with(&key);
    assert!(again.stderr.is_empty(), "the key is not made again");
}

#[test]
fn a_server_with_the_clinics_keys_gives_no_link() {
    let jwks = key_file("clinic").1;

    let server = Server::start("clinic", &format!("{LOCAL}[access]\njwks = {jwks:?}\n"));

    assert!(!server.link.contains("token"), "{}", server.link);
}

struct Server {
    process: Child,
    link: String,
}

impl Server {
    fn start(name: &str, config: &str) -> Self {
        let mut process = command(name, config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        let output = process.stdout.take().expect("stdout is piped");
        let link = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.find("http").map(|start| line[start..].to_owned()))
            .expect("the server starts");
        Self { process, link }
    }

    fn port(&self) -> u16 {
        let after_host = self.link.split(':').nth(2).expect("the link has a port");
        let port = after_host.split('/').next().expect("the link has a path");
        port.parse().expect("a port is a number")
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).expect("it listens");
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .expect("it reads");
        let mut response = Vec::new();
        stream.read_to_end(&mut response).expect("it answers");
        String::from_utf8_lossy(&response).into_owned()
    }

    fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).expect("it listens");
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut response = Vec::new();
        // What it refuses to read may break the connection off.
        let _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    }

    fn terminate(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status();
        assert!(killed.expect("there is kill").success());
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a server that does not start says, once its status is checked.
fn fail(name: &str, config: &str) -> String {
    let output = command(name, config).output().expect("the binary is built");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("errors are text")
}

fn command(name: &str, config: &str) -> Command {
    let path = folder(name).join("quietroom.toml");
    fs::write(&path, config).expect("it is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_quietroom"));
    command.arg("serve").arg("--config").arg(path);
    command.env_remove("RUST_LOG").stderr(Stdio::piped());
    command
}

fn key_file(name: &str) -> (Output, PathBuf) {
    let key = folder(name).join("key.pem");
    let jwks = folder(name).join("key.jwks.json");
    let _ = fs::remove_file(&key);
    let _ = fs::remove_file(&jwks);
    (token_with(&key), jwks)
}

fn token_with(key: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quietroom"))
        .args(["token", "--room", "r", "--key"])
        .arg(key)
        .output()
        .expect("the binary is built")
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("serve")
        .join(name);
    fs::create_dir_all(&folder).expect("it is writable");
    folder
}
