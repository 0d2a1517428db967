//! People decide things in rooms while the server is killed: what they were told
//! holds when it is back, and nothing is half done.

mod node;
mod random;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use node::{BrowserKey, Client, Node, PATIENCE, call};
use random::Random;
use serde_json::{Value, json};
use signaling::access::ParticipantSalt;
use signaling::protocol::Role;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_acknowledged_decision_is_lost_or_half_done_by_a_kill() {
    let kills = std::env::var("QUIETROOM_KILLS").ok();
    let kills = kills.and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let clinic = Clinic::new();
    let mut node = clinic.serve();
    let key = Clinic::api_key(&node);
    let mut random = Random(0x5eed_0003);
    let mut seen = Seen::default();
    // On a busy machine less happens between two kills.
    let mut done = 0;
    while done < kills || done < MOST_TIMES * kills && !seen.is_worth_it(kills) {
        let kill = done;
        done += 1;
        let rooms = [(true, false), (false, false), (true, true), (false, true)];
        let rooms = rooms.map(|(has_session, is_calm)| {
            let name = format!("room-{kill}-{}", random.below(u64::MAX));
            Arc::new(Room::new(name, has_session, is_calm))
        });
        let mut people = JoinSet::new();
        for room in &rooms {
            if room.has_session {
                room.open(&node, &key);
            }
            for number in 0..HOSTS {
                let token = room.token(&node, Role::Host, &format!("host-{number}"));
                let host = node.connect().await;
                let random = Random(random.below(u64::MAX) | 1);
                people.spawn(decide(room.clone(), number, host, token, random));
            }
            for number in 0..CLIENTS {
                people.spawn(attend(room.clone(), number, node.connect().await, &node));
            }
        }
        sleep(Duration::from_millis(20 + random.below(500))).await;
        drop(node);
        while let Some(done) = people.join_next().await {
            done.expect("nobody panics");
        }
        node = clinic.serve();
        for room in &rooms {
            room.check(&node, &mut seen).await;
        }
    }
    println!("{done} kills: {seen:?}");
    assert!(seen.is_worth_it(kills), "{seen:?}");
}

/// Two who decide at once, as quickly as they can.
async fn decide(
    room: Arc<Room>,
    number: usize,
    mut host: Client,
    token: String,
    mut random: Random,
) {
    if !say(&mut host, &json!({"type": "join", "token": token})).await {
        return;
    }
    let mut is_in = false;
    let mut waiting: Vec<usize> = Vec::new();
    loop {
        let pause = Duration::from_micros(200 + random.below(8_000));
        let message = match timeout(pause, hear(&mut host)).await {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(_) if !is_in || room.is_calm && number > 0 => continue,
            Err(_) => {
                let decision = if room.is_calm {
                    room.told().admit_those_untouched(&waiting)
                } else {
                    room.told().choose(number, &waiting, &mut random)
                };
                if let Some(decision) = decision
                    && !say(&mut host, &decision).await
                {
                    return;
                }
                continue;
            }
        };
        is_in |= message["type"] == "joined";
        if message["type"] == "waiting-list" {
            waiting = room.told().waiting(&message);
        }
        room.told().note(number, &message);
        if message["type"] == "consent-required" {
            let accept = json!({"type": "accept-consent", "hash": message["hash"]});
            if !say(&mut host, &accept).await {
                return;
            }
        }
    }
}

/// Somebody who does what is asked, and notes what happens.
fn attend(
    room: Arc<Room>,
    number: usize,
    mut client: Client,
    node: &Node,
) -> impl Future<Output = ()> + Send + use<> {
    let (token, salt, id) = {
        let mut told = room.told();
        let client = &mut told.clients[number];
        let salt = ParticipantSalt::new(u128::try_from(number).unwrap_or(0).to_be_bytes());
        let thumbprint = client.key.thumbprint();
        client.id = salt.participant_id(Some(&thumbprint), "").to_string();
        let id = client.id.clone();
        let name = room.client(number);
        let token = node.token_of(&room.name, Role::Client, &name, Some(thumbprint));
        (token, salt.to_string(), id)
    };
    async move {
        while let Some(message) = hear(&mut client).await {
            let reply = match message["type"].as_str().unwrap_or_default() {
                "challenge" => {
                    let key = &room.told().clients[number].key;
                    let proof = key.prove(&message["nonce"], &room.name, &token);
                    Some(json!({
                        "type": "join", "token": token, "proof": proof,
                        "participantId": id, "participantSalt": salt,
                    }))
                }
                "consent-required" => {
                    Some(json!({"type": "accept-consent", "hash": message["hash"]}))
                }
                _ => None,
            };
            room.told().note_own(number, &message);
            if let Some(reply) = reply
                && !say(&mut client, &reply).await
            {
                return;
            }
        }
    }
}

/// How far a decision came.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Word {
    #[default]
    None,
    Asked,
    Told,
}

struct Room {
    name: String,
    has_session: bool,
    /// One host lets people in, some at a time, and nothing else is decided.
    is_calm: bool,
    told: Mutex<Told>,
}

/// What people asked for, and what they were told.
#[derive(Default)]
struct Told {
    clients: Vec<ClientTold>,
    hosts_in: [bool; HOSTS],
    locked: bool,
    lock_asked: Option<bool>,
    /// How often a lock was told.
    lock_words: usize,
    /// Who was to be let in by one message.
    batches: Vec<Vec<usize>>,
    ended: Word,
}

struct ClientTold {
    key: BrowserKey,
    id: String,
    is_bound: bool,
    has_accepted: bool,
    admitted: Word,
    removed: Word,
    is_refused: bool,
    /// How many decisions were about it.
    decisions: usize,
}

/// How often each kind of word was given, and looked for after a kill.
#[derive(Default, Debug)]
struct Seen {
    bound: usize,
    accepted: usize,
    admitted: usize,
    refused: usize,
    removed: usize,
    locked: usize,
    ended: usize,
    batches: usize,
}

impl Seen {
    fn is_worth_it(&self, kills: usize) -> bool {
        let often = [self.bound, self.accepted, self.admitted];
        let now_and_then = [self.refused, self.removed, self.locked];
        often.into_iter().all(|count| count >= kills)
            && now_and_then.into_iter().all(|count| count > 0)
            && self.batches > 0
            && self.ended > 0
    }
}

impl Told {
    fn find(&self, id: &Value) -> Option<usize> {
        self.clients.iter().position(|client| *id == client.id)
    }

    fn waiting(&self, list: &Value) -> Vec<usize> {
        let people = list["people"].as_array().expect("a list");
        let indices = people.iter().filter_map(|person| self.find(&person["id"]));
        indices.collect()
    }

    /// What a host hears.
    fn note(&mut self, host: usize, message: &Value) {
        match message["type"].as_str().unwrap_or_default() {
            "joined" => self.hosts_in[host] = true,
            // Nobody leaves by itself.
            "participant-left" => {
                if let Some(index) = self.find(&message["participantId"]) {
                    self.clients[index].removed = Word::Told;
                }
            }
            "locked" if host == 0 => {
                self.locked = message["locked"] == true;
                self.lock_asked = None;
                self.lock_words += 1;
            }
            "error" => {
                assert_ne!(message["code"], "internal");
                if message["code"] == "session-ended" {
                    self.ended = Word::Told;
                }
            }
            _ => {}
        }
    }

    /// What a client hears.
    fn note_own(&mut self, number: usize, message: &Value) {
        let own = &mut self.clients[number];
        match message["type"].as_str().unwrap_or_default() {
            "consent-required" => own.is_bound = true,
            "waiting" => {
                own.is_bound = true;
                own.has_accepted = true;
            }
            "joined" => {
                own.is_bound = true;
                own.has_accepted = true;
                own.admitted = Word::Told;
            }
            "error" => match message["code"].as_str().unwrap_or_default() {
                "removed" => own.removed = Word::Told,
                "refused" => own.is_refused = true,
                "session-ended" => self.ended = Word::Told,
                "room-locked" | "room-full" => {}
                code => panic!("{code}"),
            },
            _ => {}
        }
    }

    /// What a host does next. It is noted before it is sent.
    fn choose(&mut self, host: usize, waiting: &[usize], random: &mut Random) -> Option<Value> {
        let ids = |told: &Self, of: &[usize]| {
            let ids = of.iter().map(|index| told.clients[*index].id.clone());
            ids.collect::<Vec<_>>()
        };
        match random.below(20) {
            0..=7 => {
                let batch: Vec<_> = waiting
                    .iter()
                    .copied()
                    .filter(|_| random.below(2) == 0)
                    .collect();
                for index in &batch {
                    self.ask_to_admit(*index, 1);
                }
                self.batches.push(batch.clone());
                (!batch.is_empty())
                    .then(|| json!({"type": "admit", "participantIds": ids(self, &batch)}))
            }
            8 => {
                // Whoever waits by then.
                for index in 0..CLIENTS {
                    self.ask_to_admit(index, 2);
                }
                Some(json!({"type": "admit-all"}))
            }
            9 | 10 => {
                let index = *waiting.first()?;
                self.clients[index].decisions += 1;
                Some(json!({"type": "refuse", "participantId": self.clients[index].id}))
            }
            11..=15 if host == 0 && self.lock_asked.is_none() => {
                let locked = !self.locked;
                self.lock_asked = Some(locked);
                Some(json!({"type": "lock", "locked": locked}))
            }
            16 | 17 => {
                let is_in = |client: &ClientTold| {
                    client.admitted == Word::Told && client.removed == Word::None
                };
                let index = self.clients.iter().position(is_in)?;
                let client = &mut self.clients[index];
                client.decisions += 1;
                client.removed = Word::Asked;
                Some(json!({"type": "remove", "participantId": client.id}))
            }
            18 if random.below(10) == 0 => {
                self.ended = self.ended.max_asked();
                Some(json!({"type": "end-session"}))
            }
            _ => None,
        }
    }

    fn admit_those_untouched(&mut self, waiting: &[usize]) -> Option<Value> {
        let waiting = waiting.iter().copied();
        let batch: Vec<_> = waiting
            .filter(|index| self.clients[*index].decisions == 0)
            .collect();
        if batch.len() < 2 {
            return None;
        }
        for index in &batch {
            self.ask_to_admit(*index, 1);
        }
        let ids: Vec<_> = batch
            .iter()
            .map(|index| self.clients[*index].id.clone())
            .collect();
        self.batches.push(batch);
        Some(json!({"type": "admit", "participantIds": ids}))
    }

    fn ask_to_admit(&mut self, index: usize, decisions: usize) {
        let client = &mut self.clients[index];
        client.admitted = client.admitted.max_asked();
        client.decisions += decisions;
    }
}

impl Word {
    fn max_asked(self) -> Self {
        if self == Self::Told {
            self
        } else {
            Self::Asked
        }
    }
}

impl Room {
    fn new(name: String, has_session: bool, is_calm: bool) -> Self {
        let clients = (0..CLIENTS).map(|_| ClientTold {
            key: BrowserKey::new(),
            id: String::new(),
            is_bound: false,
            has_accepted: false,
            admitted: Word::None,
            removed: Word::None,
            is_refused: false,
            decisions: 0,
        });
        let told = Told {
            clients: clients.collect(),
            ..Told::default()
        };
        Self {
            name,
            has_session,
            is_calm,
            told: Mutex::new(told),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("nobody panics")
    }

    fn client(&self, number: usize) -> String {
        format!("{}-client-{number}", self.name)
    }

    fn token(&self, node: &Node, role: Role, id: &str) -> String {
        node.token_of(&self.name, role, &format!("{}-{id}", self.name), None)
    }

    fn open(&self, node: &Node, key: &str) {
        let headers = format!("Authorization: Bearer {key}\r\n");
        let session = json!({
            "room": self.name, "waitingRoom": true, "consent": {"version": "1", "text": "yes"},
        });
        let opened = call(
            node.clients,
            "POST",
            "/v1/sessions",
            &headers,
            &session.to_string(),
        );
        let (status, body) = opened.expect("the server answers");
        assert_eq!(status, 201, "{body}");
    }

    /// Sees what the server knows after a kill.
    async fn check(&self, node: &Node, seen: &mut Seen) {
        let mut host = node.connect().await;
        host.ask_to_join(&self.token(node, Role::Host, "host-0"))
            .await;
        let mut first = outcome(&mut host).await;
        let (ended, was_in) = {
            let told = self.told();
            (told.ended, told.hosts_in[0])
        };
        if matches!(
            first["code"].as_str(),
            Some("session-ended" | "token-revoked")
        ) {
            assert_ne!(ended, Word::None, "{}", self.name);
            seen.ended += usize::from(ended == Word::Told);
            return self.check_ended(node).await;
        }
        assert_ne!(ended, Word::Told, "{}: the end is lost", self.name);
        if first["type"] == "consent-required" {
            assert!(!was_in, "{}: a host's consent is lost", self.name);
            let accept = json!({"type": "accept-consent", "hash": first["hash"]});
            host.send(&accept).await;
            first = outcome(&mut host).await;
        }
        assert_eq!(first["type"], "joined", "{first}");
        {
            let told = self.told();
            let locked = first["locked"] == true;
            let may_be = locked == told.locked || Some(locked) == told.lock_asked;
            assert!(may_be, "{}: the lock is lost", self.name);
            seen.locked += usize::from(told.lock_words > 0 && told.lock_asked.is_none());
        }
        let mut outcomes = Vec::new();
        for number in 0..CLIENTS {
            outcomes.push(self.check_client(node, number, seen).await);
        }
        let told = self.told();
        for batch in &told.batches {
            // By this message or not at all.
            let are_untouched = batch
                .iter()
                .all(|index| told.clients[*index].decisions == 1);
            if batch.len() < 2 || !are_untouched {
                continue;
            }
            let admitted = batch
                .iter()
                .filter(|index| outcomes[**index] == "joined")
                .count();
            assert!(
                admitted == 0 || admitted == batch.len(),
                "{}: {admitted} of {batch:?} are let in",
                self.name
            );
            seen.batches += 1;
        }
    }

    async fn check_client(&self, node: &Node, number: usize, seen: &mut Seen) -> String {
        let name = self.client(number);
        let is_bound = {
            let told = self.told();
            let client = &told.clients[number];
            client.is_bound && client.removed == Word::None
        };
        if is_bound && number == 0 {
            let other = BrowserKey::new();
            let refused = self.come(node, number, &other).await;
            assert_eq!(refused["code"], "token-reused", "{name}: {refused}");
            seen.bound += 1;
        }
        let key = {
            let mut told = self.told();
            std::mem::replace(&mut told.clients[number].key, BrowserKey::new())
        };
        let first = self.come(node, number, &key).await;
        let told = self.told();
        let client = &told.clients[number];
        let outcome = first["code"].as_str().or(first["type"].as_str());
        let outcome = outcome.expect("it has a type").to_owned();
        if client.removed == Word::Told {
            assert_eq!(outcome, "token-revoked", "{name}: the removal is lost");
            seen.removed += 1;
            return outcome;
        }
        if outcome == "token-revoked" {
            assert_eq!(client.removed, Word::Asked, "{name}");
            return outcome;
        }
        if client.admitted == Word::Told {
            assert_eq!(outcome, "joined", "{name}: it was let in");
            seen.admitted += 1;
        } else if client.is_refused || client.admitted == Word::None {
            assert_ne!(outcome, "joined", "{name}: nobody has let it in");
            seen.refused += usize::from(client.is_refused);
        }
        if client.has_accepted {
            assert_ne!(outcome, "consent-required", "{name}: the consent is lost");
            seen.accepted += usize::from(self.has_session);
        }
        outcome
    }

    async fn check_ended(&self, node: &Node) {
        for number in 0..CLIENTS {
            let (key, was_in) = {
                let mut told = self.told();
                let client = &mut told.clients[number];
                let key = std::mem::replace(&mut client.key, BrowserKey::new());
                (key, client.admitted == Word::Told)
            };
            let first = self.come(node, number, &key).await;
            let code = first["code"].as_str().unwrap_or_default();
            // Where nobody opened a session, others may meet.
            let is_out = matches!(code, "session-ended" | "token-revoked");
            assert!(is_out || !self.has_session && !was_in, "{first}");
        }
    }

    async fn come(&self, node: &Node, number: usize, key: &BrowserKey) -> Value {
        let mut client = node.connect().await;
        let challenge = client.expect("challenge").await;
        let thumbprint = Some(key.thumbprint());
        let token = node.token_of(&self.name, Role::Client, &self.client(number), thumbprint);
        let proof = key.prove(&challenge["nonce"], &self.name, &token);
        let join = json!({"type": "join", "token": token, "proof": proof});
        client.send(&join).await;
        outcome(&mut client).await
    }
}

/// The first word on whether somebody comes in.
async fn outcome(client: &mut Client) -> Value {
    loop {
        let message = timeout(PATIENCE, hear(client)).await.expect("it answers");
        let message = message.expect("the server runs");
        if matches!(
            message["type"].as_str(),
            Some("joined" | "waiting" | "consent-required" | "error")
        ) {
            return message;
        }
    }
}

/// `None`: the server is gone, or the stay is over.
async fn hear(client: &mut Client) -> Option<Value> {
    loop {
        match client.stream.next().await? {
            Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            _ => return None,
        }
    }
}

async fn say(client: &mut Client, message: &Value) -> bool {
    let text = Message::text(message.to_string());
    client.stream.send(text).await.is_ok()
}

/// A clinic with a store.
struct Clinic(PathBuf);

impl Clinic {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("decisions");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("it is writable");
        let key = folder.join("key");
        quietroom(&["store-key", "create", key.to_str().expect("text")]);
        Self(folder)
    }

    fn serve(&self) -> Node {
        let folder = self.0.display();
        let store = format!("[store]\npath = \"{folder}/store\"\nkey_file = \"{folder}/key\"\n");
        let rooms = "resume_seconds = 0\nwaiting_room = true\n";
        Node::start_with_rooms("decisions", rooms, &store, "info")
    }

    fn api_key(node: &Node) -> String {
        let config = node.folder().join("quietroom.toml");
        let config = config.to_str().expect("text");
        let create = ["api-key", "create", "--config", config, "--name", "backend"];
        let key = quietroom(&[&create[..], &["--scope", "sessions:write"]].concat());
        key.trim().to_owned()
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

/// As many kills as were asked for, and so many times that until enough has
/// happened.
const MOST_TIMES: usize = 5;

const HOSTS: usize = 2;

const CLIENTS: usize = 6;
