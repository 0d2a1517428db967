//! The rules of tokens and sessions, at a real socket: who may come in, and
//! who may do what.

mod server;

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use server::role::{barrier, barrier_or_end, claims, come, join, sign};
use server::{Client, Server};
use sfu::identity::Source;
use sfu::worker::command::Command;
use signaling::access::{
    AccessPolicy, Nonce, ParticipantSalt, Permissions, ProofPurpose, Thumbprint, UnixTime,
    signed_content,
};
use signaling::limits::Limits;
use signaling::protocol::{Permission, Role};
use signaling::room::{Consent, SessionPolicy};
use signaling::socket::Timing;

const ROLES: [(Role, &str); 5] = [
    (Role::Host, "host"),
    (Role::CoHost, "co-host"),
    (Role::Client, "client"),
    (Role::Observer, "observer"),
    (Role::Interpreter, "interpreter"),
];

#[tokio::test]
async fn each_role_does_what_it_may_and_nothing_else() {
    let server = start(AccessPolicy::default(), waiting_room()).await;
    for (role, name) in ROLES {
        for (index, (permission, kind)) in ACTIONS.into_iter().enumerate() {
            let room = format!("{name}-{index}");
            // A client in the room, let in by somebody who leaves again.
            let mut host = join(&server, &room, "host", "h").await;
            let mut client = come(&server, &room, "client", "c").await;
            client.expect("waiting").await;
            host.send(&json!({"type": "admit-all"})).await;
            client.joined = client.expect("joined").await;
            let mut actor = if role == Role::Host {
                host
            } else {
                let mut actor = come(&server, &room, name, "a").await;
                barrier(&mut actor).await;
                host.send(&json!({"type": "admit-all"})).await;
                barrier(&mut host).await;
                host.send(&json!({"type": "leave"})).await;
                barrier_or_end(&mut host).await;
                actor
            };
            barrier(&mut actor).await;
            // Whoever acts for an absent host may do more; not here.
            let acts_as_host = role == Role::CoHost;
            let is_at_door = permission == Permission::Admit;
            let mut target = if is_at_door {
                // One seat is a host's.
                client.send(&json!({"type": "leave"})).await;
                barrier_or_end(&mut client).await;
                come(&server, &room, "client", "w").await
            } else {
                client
            };
            barrier(&mut target).await;
            let message = action(kind, &target.chosen);
            actor.send(&message).await;

            let allowed = Permissions::of(role).allow(permission)
                || acts_as_host && permission == Permission::End;
            let said = barrier_or_end(&mut actor).await;
            let is_refused = said.iter().any(|message| message["code"] == "not-allowed");
            assert_eq!(is_refused, !allowed, "{name} {kind}: {said:?}");
            let seen = barrier_or_end(&mut target).await;
            let effect = effect(kind);
            let is_seen = seen
                .iter()
                .any(|message| message["type"] == effect || message["code"] == effect);
            assert_eq!(is_seen, allowed, "{name} {kind}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_role_sends_and_gets_only_what_it_may() {
    for (role, name) in ROLES {
        let mut access = AccessPolicy::default();
        access.roles.observer.permissions = Permissions::NONE;
        let permissions = access.roles.of(role).permissions;
        let server = start(access, SessionPolicy::default()).await;
        let mut actor = join(&server, "room", name, "a").await;
        let listed = actor.joined["permissions"]
            .as_array()
            .expect("a list")
            .len();
        assert_eq!(listed, permissions.iter().count());
        let receives = permissions.allow(Permission::Receive);
        assert_eq!(actor.joined["slots"] == 2, receives, "{name}");
        assert_eq!(actor.joined["screenSlots"] == 1, receives, "{name}");

        actor.offer().await;
        let said = barrier(&mut actor).await;
        assert!(said.iter().any(|message| message["type"] == "answer"));

        let commands = server.plane.commands();
        let sources: Vec<_> = commands
            .iter()
            .filter_map(|(_, command)| match command {
                Command::Negotiate { media, .. } => Some(&media.publications),
                _ => None,
            })
            .flatten()
            .map(|publication| publication.source)
            .collect();
        for (source, permission) in [
            (Source::Microphone, Permission::Microphone),
            (Source::Camera, Permission::Camera),
        ] {
            let is_taken = sources.contains(&source);
            assert_eq!(is_taken, permissions.allow(permission), "{name} {source:?}");
        }
    }
}

#[tokio::test]
async fn what_is_for_the_group_is_taken_from_those_who_may_chat_only() {
    for (role, name) in ROLES {
        for may_chat in [true, false] {
            let mut access = AccessPolicy::default();
            let policy = match role {
                Role::Host => &mut access.roles.host,
                Role::CoHost => &mut access.roles.co_host,
                Role::Client => &mut access.roles.client,
                Role::Observer => &mut access.roles.observer,
                Role::Interpreter => &mut access.roles.interpreter,
            };
            assert!(policy.permissions.allow(Permission::Chat), "{name}");
            if !may_chat {
                policy.permissions = policy.permissions.without(Permission::Chat);
            }
            let server = start(access, SessionPolicy::default()).await;
            let mut writer = member(&server, name, "w", 0).await;
            let mut reader = member(&server, "client", "r", 1).await;
            barrier(&mut reader).await;

            writer
                .send(&json!({"type": "mls-message", "message": "c2VhbGVk"}))
                .await;

            let said = barrier(&mut writer).await;
            let is_refused = said.iter().any(|message| message["code"] == "not-allowed");
            assert_eq!(is_refused, !may_chat, "{name}: {said:?}");
            let heard = barrier(&mut reader).await;
            let is_heard = heard.iter().any(|message| message["message"] == "c2VhbGVk");
            assert_eq!(is_heard, may_chat, "{name}: {heard:?}");
        }
    }
}

/// Somebody who says that it is in the group, in this place.
async fn member(server: &Server, role: &str, sub: &str, leaf: u32) -> Client {
    let mut client = server.connect().await;
    let token = sign(server, &claims("room", role, sub));
    let group = json!({"epoch": 1, "transcriptHash": "aGFzaA", "leaf": leaf});
    client
        .send(&json!({"type": "join", "token": token, "group": group}))
        .await;
    client.joined = client.expect("joined").await;
    client
}

#[tokio::test]
async fn who_waits_is_told_nothing_and_can_do_nothing() {
    let server = start(AccessPolicy::default(), waiting_room()).await;
    let mut client = come(&server, "room", "client", "c").await;
    assert_eq!(client.expect("waiting").await["reason"], "host-absent");
    let mut host = join(&server, "room", "host", "h").await;
    assert_eq!(client.expect("waiting").await["reason"], "admission");
    let list = host.expect("waiting-list").await;
    assert_eq!(list["people"].as_array().expect("a list").len(), 1);
    let id = list["people"][0]["id"].as_str().expect("an id").to_owned();

    // Neither an offer nor anything else gets anywhere.
    client.offer().await;
    let refusal = client.expect("error").await;
    assert_eq!(refusal["code"], "not-admitted");
    for message in [
        json!({"type": "mls-resync"}),
        json!({"type": "share-screen"}),
        json!({"type": "admit-all"}),
        json!({"type": "remove", "participantId": host.id()}),
    ] {
        client.send(&message).await;
    }
    host.send(&json!({"type": "media", "microphone": true, "camera": true}))
        .await;
    barrier(&mut host).await;
    let told = barrier(&mut client).await;
    assert!(
        told.iter().all(|message| message["code"] == "not-admitted"),
        "{told:?}"
    );
    assert_eq!(server.plane.commands(), []);

    host.send(&json!({"type": "tell-waiting", "participantId": id, "message": "c29vbg"}))
        .await;
    assert_eq!(client.expect("waiting-message").await["message"], "c29vbg");
    host.send(&json!({"type": "admit", "participantIds": [id]}))
        .await;
    let joined = client.expect("joined").await;
    assert_eq!(
        joined["participants"][0]["id"],
        host.joined["participantId"]
    );
    client.expect("slots").await;
    client.offer().await;
    let said = barrier(&mut client).await;
    assert!(said.iter().any(|message| message["type"] == "answer"));
}

#[tokio::test]
async fn who_is_refused_may_come_again_and_who_is_removed_may_not() {
    let server = start(AccessPolicy::default(), waiting_room()).await;
    let mut host = join(&server, "room", "host", "h").await;
    for (kind, code) in [("refuse", "refused"), ("remove", "removed")] {
        let mut client = come(&server, "room", "client", "c").await;
        client.expect("waiting").await;
        let list = host.expect("waiting-list").await;
        let id = list["people"][0]["id"].clone();
        host.send(&json!({"type": kind, "participantId": id})).await;
        client.expect_fatal(code).await;
        assert_eq!(host.expect("waiting-list").await["people"], json!([]));
    }

    let mut client = come(&server, "room", "client", "c").await;

    client.expect_fatal("token-revoked").await;
}

#[tokio::test]
async fn a_locked_room_takes_back_who_was_there_and_nobody_else() {
    let server = start(AccessPolicy::default(), SessionPolicy::default()).await;
    let mut host = join(&server, "room", "host", "h").await;
    let client = join(&server, "room", "client", "c").await;
    drop(client);
    host.send(&json!({"type": "lock", "locked": true})).await;
    barrier(&mut host).await;

    let mut stranger = come(&server, "room", "client", "x").await;
    stranger.expect_fatal("room-locked").await;
    let again = join(&server, "room", "client", "c").await;
    assert_eq!(again.joined["locked"], true);
}

#[tokio::test]
async fn nobody_comes_in_before_accepting_the_text() {
    let consent = Consent {
        version: "1".into(),
        text: "I agree.".into(),
    };
    let policy = SessionPolicy {
        consent: Some(consent),
        ..SessionPolicy::default()
    };
    let server = start(AccessPolicy::default(), policy).await;
    let mut client = come(&server, "room", "client", "c").await;
    let asked = client.expect("consent-required").await;
    assert_eq!(asked["text"], "I agree.");
    client.offer().await;
    assert_eq!(client.expect("error").await["code"], "not-admitted");
    client
        .send(&json!({"type": "accept-consent", "hash": "AAAA"}))
        .await;
    assert_eq!(client.expect("error").await["code"], "consent-mismatch");

    client
        .send(&json!({"type": "accept-consent", "hash": asked["hash"]}))
        .await;

    client.expect("joined").await;
}

#[tokio::test]
async fn who_was_muted_is_heard_again_by_its_own_decision_only() {
    let server = start(AccessPolicy::default(), SessionPolicy::default()).await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut client = join(&server, "room", "client", "c").await;
    for somebody in [&mut host, &mut client] {
        somebody.offer().await;
        somebody
            .send(&json!({"type": "media", "microphone": true, "camera": false}))
            .await;
        barrier(somebody).await;
    }
    let listener = host.number();
    let heard = || {
        let commands = server.plane.commands();
        let last = commands
            .iter()
            .rev()
            .find_map(|(_, command)| match command {
                Command::Assign {
                    subscriber,
                    slot,
                    source,
                } if *subscriber == listener && slot.0 == 0 => Some(source.is_some()),
                _ => None,
            });
        last.expect("the slot was fed")
    };
    assert!(heard());

    let target = client.id().to_owned();
    host.send(&json!({"type": "mute", "participantId": target, "source": "microphone"}))
        .await;
    client.expect("muted").await;
    assert!(!heard());
    // Said before the client knew.
    let media = |on: bool| json!({"type": "media", "microphone": on, "camera": on});
    client.send(&media(true)).await;
    barrier(&mut client).await;
    assert!(!heard());
    client.send(&media(false)).await;
    barrier(&mut client).await;
    assert!(!heard());
    client.send(&media(true)).await;
    barrier(&mut client).await;
    assert!(heard());
}

#[tokio::test]
async fn a_co_host_stands_in_for_the_host_until_it_is_back() {
    let server = start(AccessPolicy::default(), SessionPolicy::default()).await;
    let host = join(&server, "room", "host", "h").await;
    let mut co_host = join(&server, "room", "co-host", "d").await;
    barrier(&mut co_host).await;
    co_host
        .send(&json!({"type": "remove", "participantId": host.id()}))
        .await;
    assert_eq!(co_host.expect("error").await["code"], "not-allowed");

    drop(host);

    co_host.expect("slots").await;
    co_host.expect("participant-left").await;
    assert_eq!(
        co_host.expect("hosting").await["participantId"],
        co_host.joined["participantId"]
    );
    let permissions = co_host.expect("permissions").await["permissions"].clone();
    assert!(
        permissions
            .as_array()
            .expect("a list")
            .contains(&json!("end"))
    );
    let _host = join(&server, "room", "host", "h").await;
    let news = barrier(&mut co_host).await;
    let last = news
        .iter()
        .rfind(|message| message["type"] == "permissions");
    let last = last.expect("it was told")["permissions"].clone();
    assert!(!last.as_array().expect("a list").contains(&json!("end")));
}

#[tokio::test]
async fn an_end_is_the_end_for_all() {
    let server = start(AccessPolicy::default(), waiting_room()).await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut waiting = come(&server, "room", "client", "w").await;
    waiting.expect("waiting").await;

    host.send(&json!({"type": "end-session"})).await;

    host.expect("waiting-list").await;
    host.expect_fatal("session-ended").await;
    waiting.expect_fatal("session-ended").await;
    for (role, sub) in [("host", "h"), ("client", "w")] {
        let mut again = come(&server, "room", role, sub).await;
        again.expect_fatal("token-revoked").await;
    }
}

#[tokio::test]
async fn a_bound_token_opens_only_with_its_key_on_this_socket() {
    let server = start(AccessPolicy::default(), SessionPolicy::default()).await;
    let (key, other) = (Key::new(), Key::new());
    let token = sign(&server, &key.bind(claims("room", "client", "c")));

    let mut bare = server.connect().await;
    bare.send(&json!({"type": "join", "token": token})).await;
    bare.expect_fatal("proof-required").await;

    let mut stolen = server.connect().await;
    let proof = other.prove(&stolen.nonce, "room", &token);
    stolen
        .send(&json!({"type": "join", "token": token, "proof": proof}))
        .await;
    stolen.expect_fatal("invalid-proof").await;

    let mut first = server.connect().await;
    let proof = key.prove(&first.nonce, "room", &token);
    first
        .send(&json!({"type": "join", "token": token, "proof": proof}))
        .await;
    first.expect("joined").await;

    let mut replayed = server.connect().await;
    replayed
        .send(&json!({"type": "join", "token": token, "proof": proof}))
        .await;
    replayed.expect_fatal("invalid-proof").await;

    // The same key may come back, another one of the same id not.
    let mut again = server.connect().await;
    let proof = key.prove(&again.nonce, "room", &token);
    again
        .send(&json!({"type": "join", "token": token, "proof": proof}))
        .await;
    again.expect("joined").await;
    let token = sign(&server, &other.bind(claims("room", "client", "c")));
    let mut reused = server.connect().await;
    let proof = other.prove(&reused.nonce, "room", &token);
    reused
        .send(&json!({"type": "join", "token": token, "proof": proof}))
        .await;
    reused.expect_fatal("token-reused").await;
    let unbound = sign(&server, &claims("room", "client", "c"));
    let mut unbound_again = server.connect().await;
    unbound_again
        .send(&json!({"type": "join", "token": unbound}))
        .await;
    unbound_again.expect_fatal("token-reused").await;
}

#[tokio::test]
async fn nobody_comes_back_as_somebody_else() {
    let server = start(AccessPolicy::default(), SessionPolicy::default()).await;
    let mut member = join(&server, "room", "client", "m").await;
    member.send(&json!({"type": "leave"})).await;
    barrier_or_end(&mut member).await;
    let (id, salt) = (member.id().to_owned(), member.salt.to_string());
    let as_member = |sub: &str| {
        let token = sign(&server, &claims("room", "client", sub));
        json!({
            "type": "join", "token": token, "participantId": id, "participantSalt": salt,
            "group": {"epoch": 1, "transcriptHash": "aGFzaA", "leaf": 0},
        })
    };
    let mut bare = as_member("m");
    bare["participantSalt"] = Value::Null;
    let mut otherwise_salted = as_member("m");
    otherwise_salted["participantSalt"] = "BwcHBwcHBwcHBwcHBwcHBw".into();
    for join in [as_member("another"), bare, otherwise_salted] {
        let mut other = server.connect().await;
        other.send(&join).await;
        other.expect_fatal("invalid-message").await;
    }

    let mut again = server.connect().await;
    again.send(&as_member("m")).await;

    assert_eq!(again.expect("joined").await["participantId"], id);
}

#[tokio::test]
async fn an_id_of_a_bound_token_is_of_its_key() {
    let server = start(AccessPolicy::default(), SessionPolicy::default()).await;
    let (key, other) = (Key::new(), Key::new());
    let salt = ParticipantSalt::new([7; 16]);
    let id = salt.participant_id(Some(&key.thumbprint()), "").to_string();
    for (whose, sub, code) in [
        (&other, "thief", Some("invalid-message")),
        (&key, "c", None),
    ] {
        let mut client = server.connect().await;
        let token = sign(&server, &whose.bind(claims("room", "client", sub)));
        let proof = whose.prove(&client.nonce, "room", &token);
        client
            .send(&json!({
                "type": "join", "token": token, "proof": proof,
                "participantId": id, "participantSalt": salt.to_string(),
            }))
            .await;
        match code {
            Some(code) => client.expect_fatal(code).await,
            None => drop(client.expect("joined").await),
        }
    }
}

#[tokio::test]
async fn tokens_that_are_not_for_here_are_refused() {
    let mut access = AccessPolicy {
        issuer: Some("https://clinic.example".into()),
        audience: Some("quietroom".into()),
        ..AccessPolicy::default()
    };
    access.roles.host.multi_factor = true;
    access.roles.observer.bound_key = true;
    access.roles.client.token_age = Some(60);
    let server = start(access, SessionPolicy::default()).await;
    let now = UnixTime::now().0;
    let good = |role: &str| {
        let mut claims = claims("room", role, "c");
        claims["iss"] = "https://clinic.example".into();
        claims["aud"] = "quietroom".into();
        claims["amr"] = json!(["mfa"]);
        claims
    };
    let with = |role: &str, name: &str, value: Value| {
        let mut claims = good(role);
        claims[name] = value;
        sign(&server, &claims)
    };
    for (token, code) in [
        (
            with("host", "iss", json!("https://evil.example")),
            "invalid-token",
        ),
        (with("host", "aud", json!("another")), "invalid-token"),
        (with("host", "aud", Value::Null), "invalid-token"),
        (with("host", "exp", json!(now - 60)), "token-expired"),
        (with("host", "nbf", json!(now + 60)), "token-not-yet-valid"),
        (with("host", "iat", json!(now + 60)), "token-not-yet-valid"),
        (with("host", "amr", json!(["pwd"])), "multi-factor-required"),
        (with("client", "iat", json!(now - 120)), "token-expired"),
        (with("observer", "amr", json!(["mfa"])), "proof-required"),
        (with("host", "cnf", json!({"jwk": {}})), "invalid-token"),
        ("x".repeat(9_000), "invalid-token"),
        ("a.b.c".into(), "invalid-token"),
        (String::new(), "invalid-token"),
    ] {
        let mut client = server.connect().await;
        client.send(&json!({"type": "join", "token": token})).await;
        client.expect_fatal(code).await;
    }
    let mut client = server.connect().await;
    client
        .send(&json!({"type": "join", "token": sign(&server, &good("host"))}))
        .await;
    client.expect("joined").await;
}

/// The permission that each message needs.
const ACTIONS: [(Permission, &str); 10] = [
    (Permission::Admit, "admit"),
    (Permission::Admit, "refuse"),
    (Permission::Admit, "tell-waiting"),
    (Permission::Mute, "mute"),
    (Permission::Mute, "ask"),
    (Permission::Remove, "remove"),
    (Permission::Lock, "lock"),
    (Permission::End, "end-session"),
    (Permission::Screen, "share-screen"),
    (Permission::Mute, "mute-all"),
];

fn action(kind: &str, target: &str) -> Value {
    json!({
        "type": kind, "participantId": target, "participantIds": [target],
        "source": "microphone", "locked": true, "message": "c29vbg",
    })
}

/// What the target gets: a message's type or an error's code.
fn effect(kind: &str) -> &'static str {
    match kind {
        "admit" => "joined",
        "refuse" => "refused",
        "tell-waiting" => "waiting-message",
        "mute" | "mute-all" => "muted",
        "ask" => "asked",
        "remove" => "removed",
        "lock" => "locked",
        "end-session" => "session-ended",
        _ => "screens",
    }
}

async fn start(access: AccessPolicy, policy: SessionPolicy) -> Server {
    let timing = Timing {
        resume_window: Duration::ZERO,
        ..Timing::default()
    };
    let mut limits = Limits::default();
    limits.joins.burst = 10_000;
    Server::start_ruled(timing, limits, (access, policy)).await
}

fn waiting_room() -> SessionPolicy {
    SessionPolicy {
        waiting_room: true,
        ..SessionPolicy::default()
    }
}

/// A browser's key.
struct Key(Ed25519KeyPair);

impl Key {
    fn new() -> Self {
        Self(Ed25519KeyPair::generate().expect("a key can be made"))
    }

    fn bind(&self, mut claims: Value) -> Value {
        claims["cnf"] = json!({"jkt": self.thumbprint().to_string()});
        claims
    }

    fn thumbprint(&self) -> Thumbprint {
        let public = self.0.public_key().as_ref().try_into().expect("32 bytes");
        Thumbprint::of_ed25519(&public)
    }

    fn prove(&self, nonce: &str, room: &str, token: &str) -> Value {
        let nonce = URL_SAFE_NO_PAD.decode(nonce).expect("it is base64url");
        let nonce = Nonce::new(nonce.try_into().expect("32 bytes"));
        let signature = self
            .0
            .sign(&signed_content(ProofPurpose::Join, &nonce, room, token));
        json!({
            "key": {"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(self.0.public_key())},
            "signature": URL_SAFE_NO_PAD.encode(signature),
        })
    }
}
