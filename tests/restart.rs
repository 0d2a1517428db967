//! What was decided in a session holds after the server was killed, and names
//! nobody in what is stored or logged.

mod node;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use node::{BrowserKey, Client, Node, call};
use serde_json::{Value, json};
use signaling::protocol::Role;

const ROOM: &str = "room-of-somebody";
const TEXT: &str = "text that somebody agrees to";

#[tokio::test]
async fn what_a_host_decides_survives_a_kill() {
    let clinic = Clinic::new("decisions");
    let node = clinic.serve();
    Clinic::open(&node);
    let mut host = come(&node, Role::Host, "host").await;
    accept(&mut host).await;
    host.expect("joined").await;
    let mut client = come(&node, Role::Client, "client").await;
    accept(&mut client).await;
    client.expect("waiting").await;
    host.send(&json!({"type": "admit-all"})).await;
    client.expect("joined").await;
    host.send(&json!({"type": "lock", "locked": true})).await;
    client.expect("locked").await;

    let node = clinic.restart(node);

    // Whoever was in comes back, past the text, the waiting room and the lock.
    let mut host = come(&node, Role::Host, "host").await;
    assert_eq!(host.expect("joined").await["locked"], true);
    let mut client = come(&node, Role::Client, "client").await;
    let joined = client.expect("joined").await;
    let mut stranger = come(&node, Role::Client, "stranger").await;
    stranger.expect_fatal("room-locked").await;

    let remove = json!({"type": "remove", "participantId": joined["participantId"]});
    host.send(&remove).await;
    client.expect_fatal("removed").await;
    let node = clinic.restart(node);
    let mut client = come(&node, Role::Client, "client").await;
    client.expect_fatal("token-revoked").await;

    let mut host = come(&node, Role::Host, "host").await;
    host.expect("joined").await;
    host.send(&json!({"type": "end-session"})).await;
    host.expect_fatal("session-ended").await;
    let node = clinic.restart(node);
    let mut host = come(&node, Role::Host, "host").await;
    host.expect_fatal("session-ended").await;

    drop(node);
    clinic.expect_none_of(&["subject-host", "token-id-client", ROOM, TEXT, "eyJ"]);
}

#[tokio::test]
async fn a_key_that_a_token_was_used_with_stays_the_only_one() {
    let clinic = Clinic::new("bindings");
    let node = clinic.serve();
    let (key, other) = (BrowserKey::new(), BrowserKey::new());
    join_with(&key, &node).await.expect("joined").await;

    let node = clinic.restart(node);

    join_with(&other, &node)
        .await
        .expect_fatal("token-reused")
        .await;
    join_with(&key, &node).await.expect("joined").await;
    drop(node);
    clinic.expect_none_of(&[
        "token-id-bound",
        &key.public(),
        &key.thumbprint().to_string(),
    ]);
}

#[tokio::test]
async fn what_a_host_decides_where_nobody_opened_a_session_survives_a_kill_too() {
    let clinic = Clinic::new("unopened");
    let node = clinic.serve();
    let mut host = come(&node, Role::Host, "host").await;
    host.expect("joined").await;
    let mut client = come(&node, Role::Client, "client").await;
    client.expect("joined").await;
    host.send(&json!({"type": "lock", "locked": true})).await;
    client.expect("locked").await;

    let node = clinic.restart(node);

    // The first to come back may be anybody.
    let mut stranger = come(&node, Role::Client, "stranger").await;
    stranger.expect_fatal("room-locked").await;
    let mut client = come(&node, Role::Client, "client").await;
    assert_eq!(client.expect("joined").await["locked"], true);

    // All lose their connection at once.
    drop(client);
    let mut host = come(&node, Role::Host, "host").await;
    host.expect("joined").await;
    drop(host);
    let mut stranger = come(&node, Role::Client, "stranger").await;
    stranger.expect_fatal("room-locked").await;
    drop(node);
    clinic.expect_none_of(&["subject-host", "token-id-client", ROOM, "eyJ"]);
}

async fn come(node: &Node, role: Role, id: &str) -> Client {
    let mut client = node.connect().await;
    client
        .ask_to_join(&node.token_of(ROOM, role, id, None))
        .await;
    client
}

async fn accept(client: &mut Client) {
    let asked = client.expect("consent-required").await;
    client
        .send(&json!({"type": "accept-consent", "hash": asked["hash"]}))
        .await;
}

async fn join_with(key: &BrowserKey, node: &Node) -> Client {
    let mut client = node.connect().await;
    let challenge = client.expect("challenge").await;
    let token = node.token_of("open-room", Role::Client, "bound", Some(key.thumbprint()));
    let proof = key.prove(&challenge["nonce"], "open-room", &token);
    client
        .send(&json!({"type": "join", "token": token, "proof": proof}))
        .await;
    client
}

/// A clinic with a store.
struct Clinic {
    name: String,
    folder: PathBuf,
}

impl Clinic {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("restart")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("it is writable");
        let key = folder.join("key");
        quietroom(&["store-key", "create", key.to_str().expect("text")]);
        Self {
            name: format!("restart_{name}"),
            folder,
        }
    }

    fn serve(&self) -> Node {
        let folder = self.folder.display();
        let settings = format!("[store]\npath = \"{folder}/store\"\nkey_file = \"{folder}/key\"\n");
        Node::start(&self.name, &settings, "trace")
    }

    /// Kills the server, which is told nothing, and starts it again.
    fn restart(&self, node: Node) -> Node {
        self.keep_log(&node);
        drop(node);
        self.serve()
    }

    fn open(node: &Node) {
        let config = node.folder().join("quietroom.toml");
        let config = config.to_str().expect("text");
        let create = ["api-key", "create", "--config", config, "--name", "backend"];
        let key = quietroom(&[&create[..], &["--scope", "sessions:write"]].concat());
        let headers = format!("Authorization: Bearer {}\r\n", key.trim());
        let session = json!({
            "room": ROOM, "waitingRoom": true, "consent": {"version": "1", "text": TEXT},
        });
        let body = session.to_string();
        let opened = call(node.clients, "POST", "/v1/sessions", &headers, &body);
        let (status, body): (u16, String) = opened.expect("the server answers");
        assert_eq!(status, 201, "{body}");
        let _: Value = serde_json::from_str(&body).expect("JSON");
    }

    fn keep_log(&self, node: &Node) {
        let log = node.log();
        assert!(log.contains("joined"), "{log}");
        let number = fs::read_dir(&self.folder).expect("it is there").count();
        fs::write(self.folder.join(format!("log-{number}")), log).expect("it is writable");
    }

    /// Looks into all that was stored and logged.
    fn expect_none_of(&self, secrets: &[&str]) {
        let files = fs::read_dir(&self.folder).expect("it is there");
        let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        assert!(files.len() > 2, "{files:?}");
        for file in files.iter().filter(|file| !file.ends_with("key")) {
            let content = fs::read(file).expect("it is readable");
            for secret in secrets {
                let encoded = URL_SAFE_NO_PAD.encode(secret);
                for form in [secret.as_bytes(), encoded.as_bytes()] {
                    let is_there = content.windows(form.len()).any(|window| window == form);
                    assert!(!is_there, "{secret} is in {}", file.display());
                }
            }
        }
    }
}

fn quietroom(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quietroom"))
        .args(arguments)
        .env_remove("CREDENTIALS_DIRECTORY")
        .output()
        .expect("the binary is built");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}
