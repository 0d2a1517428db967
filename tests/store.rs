//! What a clinic has said outlives the process, however it ends.

mod node;
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use node::{Node, call};
use random::Random;
use serde_json::{Value, json};
use signaling::protocol::Role;

#[test]
fn no_acknowledged_change_is_lost_or_half_done_by_a_kill() {
    let kills = std::env::var("QUIETROOM_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(20);
    let clinic = Clinic::new("kills");
    // The server remembers no more than so many answers to one of them.
    let keys: Vec<_> = (0..=kills / KILLS_OF_ONE_KEY)
        .map(|_| clinic.api_key())
        .collect();
    let mut random = Random(0x5eed_0001);
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let mut asked = 0;
    for kill in 0..kills {
        let node = clinic.serve("info");
        // Whatever was under way at the last kill is asked for again, with the
        // key of then, and either was done then or is done now.
        let key = &keys[kill.saturating_sub(1) / KILLS_OF_ONE_KEY];
        for (room, session) in &mut told {
            let Told {
                acknowledged,
                ended,
            } = *session;
            if !acknowledged {
                let opened = open(node.clients, key, room).expect("the server runs");
                assert_eq!(opened.0, 201, "kill {kill}: {}", opened.1);
                session.acknowledged = true;
            }
            if ended == Ended::Asked {
                end(node.clients, key, room).expect("the server runs");
                session.ended = Ended::Told;
            }
        }
        check(node.clients, key, &told, kill);

        let key = &keys[kill / KILLS_OF_ONE_KEY];
        let stop = AtomicBool::new(false);
        let lifetime = Duration::from_millis(30 + random.below(400));
        let address = node.clients;
        let changes = thread::scope(|scope| {
            let workers: Vec<_> = (0..3)
                .map(|worker| {
                    let stop = &stop;
                    scope.spawn(move || load(address, key, &format!("room-{kill}-{worker}"), stop))
                })
                .collect();
            thread::sleep(lifetime);
            drop(node);
            stop.store(true, Ordering::Relaxed);
            let changes = workers
                .into_iter()
                .map(|worker| worker.join().expect("no panic"));
            changes.collect::<Vec<_>>()
        });
        for (room, session) in changes.into_iter().flatten() {
            asked += 1;
            told.insert(room, session);
        }
    }
    let node = clinic.serve("info");
    told.retain(|_, session| session.acknowledged && session.ended != Ended::Asked);
    check(node.clients, &keys[0], &told, kills);
    println!("{kills} kills, {asked} sessions opened");
    assert!(asked > kills, "{asked}");
}

#[tokio::test]
async fn neither_store_nor_log_shows_what_was_said() {
    let clinic = Clinic::new("bytes");
    let key = clinic.api_key();
    let node = clinic.serve("trace");
    let words = [
        "room-of-somebody",
        "agree-to-this-text",
        "sub-of-somebody",
        "jti-of-somebody",
        "idempotency-key-of-it",
        "name-of-the-api-key",
    ];
    let auth = format!(
        "Authorization: Bearer {key}\r\nIdempotency-Key: {}\r\n",
        words[4]
    );
    let new = json!({"room": words[0], "consent": {"version": "1", "text": words[1]}});
    let opened = call(
        node.clients,
        "POST",
        "/v1/sessions",
        &auth,
        &new.to_string(),
    );
    let (status, session) = opened.expect("it answers");
    assert_eq!(status, 201, "{session}");
    let session: Value = serde_json::from_str(&session).expect("it is JSON");
    let path = format!(
        "/v1/sessions/{}/revocations",
        session["id"].as_str().expect("an id")
    );
    let auth = format!("Authorization: Bearer {key}\r\n");
    for body in [json!({"subject": words[2]}), json!({"tokenId": words[3]})] {
        let revoked = call(node.clients, "POST", &path, &auth, &body.to_string());
        assert_eq!(revoked.expect("it answers").0, 201);
    }
    let passed_on = pass_through_the_door(&node, words[0]).await;
    let log = node.log();
    drop(node);

    let sealing = fs::read_to_string(clinic.folder.join("key")).expect("it is there");
    let secret = key.rsplit('_').next().expect("it has a secret");
    let searched = words
        .into_iter()
        .chain(passed_on.iter().map(String::as_str))
        .chain([secret, sealing.trim(), &sealing[..32]]);
    let store = fs::read(clinic.folder.join("store")).expect("it is there");
    assert!(log.contains("action=\"open\"") && store.len() > 4_096);
    assert!(log.contains("action=\"admit\""), "{log}");
    for word in searched {
        let found = store
            .windows(word.len())
            .any(|window| window == word.as_bytes());
        assert!(!found && !log.contains(word), "{word}");
    }
}

/// Somebody waits, is written to and let in, and writes in turn. Gives what
/// went through the server, names and tokens among it.
async fn pass_through_the_door(node: &Node, room: &str) -> Vec<String> {
    let tokens = [Role::Host, Role::Client].map(|role| {
        let id = format!("{role:?}-at-the-door");
        node.token_of(room, role, &id, None)
    });
    let [mut host, mut client] = [node.connect().await, node.connect().await];
    let [key, name, told, words] = [
        "key-of-the-door",
        "sealed-name-of-somebody",
        "sealed-note-of-a-host",
        "sealed-words-for-an-emergency",
    ];
    for (somebody, token) in [(&mut host, &tokens[0]), (&mut client, &tokens[1])] {
        somebody.ask_to_join(token).await;
        let consent = somebody.expect("consent-required").await;
        somebody
            .send(&json!({"type": "accept-consent", "hash": consent["hash"]}))
            .await;
        if token == &tokens[0] {
            somebody.expect("joined").await;
            somebody
                .send(&json!({"type": "door-key", "key": key}))
                .await;
        }
    }
    while client.expect("waiting").await["doorKeys"] != json!([key]) {}
    client
        .send(&json!({"type": "knock", "sealedName": name}))
        .await;
    let person = loop {
        let person = host.expect("waiting-list").await["people"][0].clone();
        if person["sealedName"] == name {
            break person;
        }
    };
    host.send(&json!({"type": "tell-waiting", "participantId": person["id"], "message": told}))
        .await;
    assert_eq!(client.expect("waiting-message").await["message"], told);
    host.send(&json!({"type": "admit", "participantIds": [person["id"]]}))
        .await;
    client.expect("joined").await;
    client
        .send(&json!({"type": "mls-message", "message": words}))
        .await;
    client.send(&json!({"type": "leave"})).await;
    client.expect_end().await;
    let mut passed_on: Vec<_> = [key, name, told, words].map(str::to_owned).into();
    passed_on.extend(tokens.iter().flat_map(|token| {
        let parts = token.split('.').skip(1);
        parts.map(str::to_owned).collect::<Vec<_>>()
    }));
    passed_on.extend(["Host", "Client"].map(|role| format!("subject-{role}-at-the-door")));
    passed_on.extend(["Host", "Client"].map(|role| format!("token-id-{role}-at-the-door")));
    passed_on
}

#[test]
fn without_its_key_the_server_says_what_to_do() {
    let clinic = Clinic::new("keys");
    clinic.api_key();
    let key = clinic.folder.join("key");
    let other = clinic.folder.join("other");
    assert!(
        quietroom(&["store-key", "create", other.to_str().expect("text")])
            .status
            .success()
    );

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("it is ours");
    clinic.refuses("store.key_file", "chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let good = fs::read(&key).expect("it reads");
    fs::copy(&other, &key).expect("it is writable");
    clinic.refuses("sealed with the key", "give that key");
    fs::write(&key, "secret\n").expect("it is writable");
    clinic.refuses("line 1 is not a key", "64 hexadecimal digits");
    fs::remove_file(&key).expect("it is ours");
    clinic.refuses("store.key_file", "quietroom store-key create");
    fs::write(&key, &good).expect("it is writable");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("it is ours");
    assert_eq!(clinic.list().lines().count(), 1);

    let store = clinic.folder.join("store");
    let bytes = fs::read(&store).expect("it reads");
    fs::write(&store, &bytes[..bytes.len() / 3]).expect("it is writable");
    clinic.refuses("store.path", "damaged");
    fs::write(&store, &bytes).expect("it is writable");

    let config = clinic.folder.join("settings.toml");
    let path = format!("[store]\npath = \"{}\"\n", store.display());
    let text = String::from_utf8(good).expect("it is text");
    for (settings, expected) in [
        (String::new(), "store.key_file: the store needs its key"),
        (
            "key_file = \"a\"\nkey_credential = \"b\"\n".into(),
            "only one of",
        ),
        ("key_credential = \"absent\"\n".into(), "LoadCredential"),
        ("key_command = [\"false\"]\n".into(), "it failed"),
        ("key_command = [\"/nonexistent\"]\n".into(), "No such file"),
        ("key_command = [\"yes\"]\n".into(), "longer than"),
        (
            format!("key_command = [\"echo\", \"{}\"]\n", text.trim()),
            "",
        ),
    ] {
        fs::write(&config, format!("{path}{settings}")).expect("it is writable");
        let config = config.to_str().expect("text");
        let output = quietroom(&["api-key", "list", "--config", config]);
        let error = String::from_utf8(output.stderr).expect("it is text");
        assert!(error.contains(expected), "{settings}: {error}");
        assert_eq!(output.status.success(), expected.is_empty(), "{error}");
        assert!(!error.contains(text.trim()));
    }
}

#[test]
fn a_rotation_that_is_killed_leaves_a_store_that_opens() {
    let clinic = Clinic::new("rotations");
    for _ in 0..30 {
        clinic.api_key();
    }
    let before = clinic.list();
    let key = clinic.folder.join("key");
    let first = fs::read_to_string(&key).expect("it reads");
    let whole = Instant::now();
    let output = quietroom(&["store-key", "rotate", "--config", clinic.config()]);
    assert!(output.status.success(), "{output:?}");
    let whole = whole.elapsed();
    let rotated = fs::read_to_string(&key).expect("it reads");
    assert!(rotated != first && rotated.lines().count() == 1);

    let mut random = Random(0x5eed_0002);
    for _ in 0..15 {
        let mut process = Command::new(env!("CARGO_BIN_EXE_quietroom"))
            .args(["store-key", "rotate", "--config", clinic.config()])
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary is built");
        let most = u64::try_from(whole.as_micros()).expect("it is short");
        thread::sleep(Duration::from_micros(random.below(most)));
        process.kill().expect("it is ours");
        process.wait().expect("it ends");
        assert_eq!(clinic.list(), before);
    }

    let output = quietroom(&["store-key", "rotate", "--config", clinic.config()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        fs::read_to_string(&key).expect("it reads").lines().count(),
        1
    );
    assert_eq!(clinic.list(), before);
    fs::write(&key, first).expect("it is writable");
    clinic.refuses("sealed with the key", "give that key");
}

#[test]
fn the_key_may_be_a_credential_that_systemd_passes() {
    let clinic = Clinic::new("credential");
    clinic.api_key();
    let credentials = clinic.folder.join("credentials");
    fs::create_dir(&credentials).expect("it is writable");
    let passed = credentials.join("store-key");
    fs::rename(clinic.folder.join("key"), &passed).expect("it is writable");
    let settings = clinic.settings().replace("key_file", "key_credential");
    let whole = format!("{}/key", clinic.folder.display());
    fs::write(&clinic.config, settings.replace(&whole, "store-key")).expect("it is writable");
    let list = |folder: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_quietroom"))
            .args(["api-key", "list", "--config", clinic.config()])
            .env("CREDENTIALS_DIRECTORY", folder)
            .output();
        output.expect("the binary is built")
    };

    let output = list(&credentials);

    assert!(output.status.success(), "{output:?}");
    let listed = String::from_utf8(output.stdout).expect("it is text");
    assert!(listed.contains("name-of-the-api-key"), "{listed}");
    assert!(!list(&clinic.folder).status.success());
    fs::write(&passed, "no key").expect("it is writable");
    assert!(!list(&credentials).status.success());
}

#[test]
fn a_rotation_leaves_files_to_their_owner() {
    let clinic = Clinic::new("owner");
    clinic.api_key();
    let (key, store) = (clinic.folder.join("key"), clinic.folder.join("store"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("it is ours");
    // Only an administrator can give files away.
    let is_given = chown(&store, Some(SOMEBODY), Some(SOMEBODY)).is_ok();
    for lock in ["store.lock", "store.visitors"] {
        let _ = fs::remove_file(clinic.folder.join(lock));
    }

    let output = quietroom(&["store-key", "rotate", "--config", clinic.config()]);

    assert!(output.status.success(), "{output:?}");
    let about = |path: &Path| fs::metadata(path).expect("it is there");
    assert_eq!(about(&key).mode() & 0o777, 0o400);
    for file in ["store", "store.lock", "store.visitors"] {
        let owner = about(&clinic.folder.join(file)).uid();
        assert_eq!(owner == SOMEBODY, is_given, "{file}");
    }
}

#[tokio::test]
async fn a_session_opened_by_the_clinic_rules_who_comes_in() {
    let clinic = Clinic::new("entering");
    let key = clinic.api_key();
    let node = clinic.serve("info");
    let auth = format!("Authorization: Bearer {key}\r\n");
    let post = |path: &str, body: &Value| {
        let (status, body) =
            call(node.clients, "POST", path, &auth, &body.to_string()).expect("the server runs");
        assert!(status < 300, "{body}");
        serde_json::from_str::<Value>(&body).expect("it is JSON")
    };
    let path = |session: &Value| format!("/v1/sessions/{}", session["id"].as_str().expect("an id"));

    let window = json!({"opensAt": "2099-01-01T00:00:00Z", "closesAt": "2100-01-01T00:00:00Z"});
    post("/v1/sessions", &json!({"room": "later", "window": window}));
    refused(&node, "later", "session-not-open").await;

    let session = post(
        "/v1/sessions",
        &json!({"room": "now", "waitingRoom": false}),
    );
    let (mut ann, id) = node.join_from([127, 0, 0, 1].into(), "now").await;
    let there = format!("{}/participants", path(&session));
    let (_, list) = call(node.clients, "GET", &there, &auth, "").expect("the server runs");
    assert!(
        list.contains(&id) && list.contains("subject-of-the-token"),
        "{list}"
    );
    let removed = call(node.clients, "DELETE", &format!("{there}/{id}"), &auth, "");
    assert_eq!(removed.expect("the server runs").0, 204);
    ann.expect_fatal("removed").await;
    refused(&node, "now", "token-revoked").await;
    drop(node);
    // Her token stays out when the server comes back.
    let node = clinic.serve("info");
    refused(&node, "now", "token-revoked").await;

    let post = |path: &str, body: &Value| {
        let answer = call(node.clients, "POST", path, &auth, &body.to_string());
        let (status, body) = answer.expect("the server runs");
        assert!(status < 300, "{body}");
        serde_json::from_str::<Value>(&body).expect("it is JSON")
    };
    let session = post(
        "/v1/sessions",
        &json!({"room": "ends", "waitingRoom": false}),
    );
    let mut ben = node.join("ends").await;
    post(&format!("{}/end", path(&session)), &json!({}));
    ben.expect_fatal("session-ended").await;
    refused(&node, "ends", "session-ended").await;
}

async fn refused(node: &Node, room: &str, code: &str) {
    let mut client = node.connect().await;
    let join = json!({"type": "join", "token": node.token(room)});
    client.send(&join).await;
    client.expect_fatal(code).await;
}

/// Each kill leaves some 300 answers, and a key may have 50,000.
const KILLS_OF_ONE_KEY: usize = 50;

/// What the test was told of a session in a room of its own.
#[derive(Clone, Copy, Debug)]
struct Told {
    acknowledged: bool,
    ended: Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    No,
    Asked,
    Told,
}

/// Opens sessions and ends some, until the server is gone.
fn load(address: SocketAddr, key: &str, prefix: &str, stop: &AtomicBool) -> Vec<(String, Told)> {
    let mut told = Vec::new();
    for count in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let room = format!("{prefix}-{count}");
        let mut session = Told {
            acknowledged: false,
            ended: Ended::No,
        };
        let opened = open(address, key, &room);
        let is_over = opened.is_err();
        if let Ok((status, body)) = opened {
            assert_eq!(status, 201, "{body}");
            session.acknowledged = true;
        }
        if !is_over && count % 2 == 0 {
            session.ended = match end(address, key, &room) {
                Ok(()) => Ended::Told,
                Err(_) => Ended::Asked,
            };
        }
        let is_over = is_over || session.ended == Ended::Asked;
        told.push((room, session));
        if is_over {
            break;
        }
    }
    told
}

fn open(address: SocketAddr, key: &str, room: &str) -> std::io::Result<(u16, String)> {
    let headers = format!("Authorization: Bearer {key}\r\nIdempotency-Key: open-{room}\r\n");
    let body = json!({"room": room, "consent": {"version": "1", "text": "yes"}});
    call(address, "POST", "/v1/sessions", &headers, &body.to_string())
}

/// Ends the session in a room, whose id the idempotency key brings back.
fn end(address: SocketAddr, key: &str, room: &str) -> std::io::Result<()> {
    let (_, session) = open(address, key, room)?;
    let session: Value = serde_json::from_str(&session)?;
    let path = format!(
        "/v1/sessions/{}/end",
        session["id"].as_str().unwrap_or("none")
    );
    let headers = format!("Authorization: Bearer {key}\r\nIdempotency-Key: end-{room}\r\n");
    let (status, body) = call(address, "POST", &path, &headers, "")?;
    assert_eq!(status, 200, "{body}");
    Ok(())
}

/// All sessions that the server lists are those that it was told, each once,
/// and as it was told.
fn check(address: SocketAddr, key: &str, told: &BTreeMap<String, Told>, kill: usize) {
    let auth = format!("Authorization: Bearer {key}\r\n");
    let mut listed = BTreeMap::new();
    let mut path = "/v1/sessions?limit=100".to_owned();
    loop {
        let (status, page) = call(address, "GET", &path, &auth, "").expect("the server runs");
        assert_eq!(status, 200, "{page}");
        let page: Value = serde_json::from_str(&page).expect("it is JSON");
        for session in page["sessions"].as_array().expect("a list") {
            let room = session["room"].as_str().expect("it has a room").to_owned();
            assert_eq!(session["consent"]["text"], "yes");
            let before = listed.insert(room.clone(), session["status"] == "over");
            assert_eq!(before, None, "kill {kill}: {room} is there twice");
        }
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/v1/sessions?limit=100&cursor={cursor}"),
            None => break,
        }
    }
    for (room, session) in told {
        let is_over = listed.get(room);
        assert!(is_over.is_some(), "kill {kill}: {room} is lost");
        assert_eq!(
            is_over,
            Some(&(session.ended == Ended::Told)),
            "kill {kill}: {room}"
        );
    }
}

/// A clinic's settings, key and store, in a folder of their own.
struct Clinic {
    name: String,
    folder: PathBuf,
    config: String,
}

impl Clinic {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("clinic")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("it is writable");
        let key = folder.join("key");
        let made = quietroom(&["store-key", "create", key.to_str().expect("text")]);
        assert!(made.status.success(), "{made:?}");
        let clinic = Self {
            name: format!("clinic_{name}"),
            config: folder
                .join("quietroom.toml")
                .to_str()
                .expect("text")
                .to_owned(),
            folder,
        };
        fs::write(&clinic.config, clinic.settings()).expect("it is writable");
        clinic
    }

    fn settings(&self) -> String {
        let folder = self.folder.display();
        format!(
            "[store]\npath = \"{folder}/store\"\nkey_file = \"{folder}/key\"\n\
             [api]\nrequests_per_second = 60000\nrequest_burst = 60000\n"
        )
    }

    fn config(&self) -> &str {
        &self.config
    }

    fn serve(&self, level: &str) -> Node {
        Node::start(&self.name, &self.settings(), level)
    }

    fn api_key(&self) -> String {
        let mut arguments = vec!["api-key", "create", "--config", self.config()];
        arguments.extend(["--name", "name-of-the-api-key"]);
        for scope in [
            "sessions:read",
            "sessions:write",
            "participants:read",
            "participants:write",
        ] {
            arguments.extend(["--scope", scope]);
        }
        let output = quietroom(&arguments);
        assert!(output.status.success(), "{output:?}");
        let key = String::from_utf8(output.stdout).expect("it is text");
        key.trim().to_owned()
    }

    fn list(&self) -> String {
        let output = quietroom(&["api-key", "list", "--config", self.config()]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    /// The server ends at once, with one line that has these words.
    fn refuses(&self, problem: &str, mend: &str) {
        let output = quietroom(&["serve", "--config", self.config()]);
        let error = String::from_utf8(output.stderr).expect("it is text");
        assert_eq!(output.status.code(), Some(1), "{error}");
        let line = error.lines().last().expect("it says something");
        assert!(line.starts_with("quietroom: "), "{error}");
        assert!(line.contains(problem) && line.contains(mend), "{error}");
    }
}

fn quietroom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quietroom"))
        .args(arguments)
        .env_remove("CREDENTIALS_DIRECTORY")
        .output()
        .expect("the binary is built")
}

/// No user that the machine has.
const SOMEBODY: u32 = 64_321;
