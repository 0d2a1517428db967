//! People with roles, and what they are told.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use signaling::access::UnixTime;

use super::{Client, Server};

/// All that came until the server has taken in everything sent before.
pub async fn barrier(client: &mut Client) -> Vec<Value> {
    let (messages, is_over) = collect(client).await;
    assert!(!is_over, "{messages:?}");
    messages
}

pub async fn barrier_or_end(client: &mut Client) -> Vec<Value> {
    collect(client).await.0
}

async fn collect(client: &mut Client) -> (Vec<Value>, bool) {
    client
        .send_if_open(&json!({"type": "join", "token": ""}))
        .await;
    let mut messages = Vec::new();
    loop {
        let Some(message) = client.receive_or_end().await else {
            return (messages, true);
        };
        if message["message"] == "this socket has joined" {
            return (messages, false);
        }
        messages.push(message);
    }
}

/// Sends `join`, under an id that the test knows.
pub async fn come(server: &Server, room: &str, role: &str, sub: &str) -> Client {
    let mut client = server.connect().await;
    let claims = claims(room, role, sub);
    let token_id = claims["jti"].as_str().expect("text");
    let join = client.join(&sign(server, &claims), token_id);
    client.send(&join).await;
    client
}

pub async fn join(server: &Server, room: &str, role: &str, sub: &str) -> Client {
    let mut client = come(server, room, role, sub).await;
    client.joined = client.expect("joined").await;
    client
}

pub fn claims(room: &str, role: &str, sub: &str) -> Value {
    let now = UnixTime::now().0;
    json!({
        "sub": sub, "room": room, "role": role, "jti": format!("{room}-{sub}"),
        "iat": now, "exp": now + 600,
    })
}

pub fn sign(server: &Server, claims: &Value) -> String {
    let pem = server.key.to_pem();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let pkcs8 = STANDARD.decode(body).expect("PEM is Base64");
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).expect("an Ed25519 key");
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&json!({"alg": "EdDSA"})), encode(claims));
    let signature = pair.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
