//! Stays that outlive their sockets.

mod server;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Value, json};
use server::{Client, PATIENCE, Server};
use sfu::worker::command::Command;
use sfu::worker::event::{DisconnectReason, Event};
use signaling::access::ParticipantSalt;
use signaling::limits::{Limits, Rate};
use signaling::socket::{JoinOutcome, Timing};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

#[tokio::test]
async fn a_dropped_socket_is_taken_up_with_nothing_lost_or_repeated() {
    let server = start(WINDOW).await;
    let (mut ann, ben) = two(&server).await;
    let ben = Away::drop(ben);
    expect_reconnecting(&mut ann, true).await;
    switch(&mut ann, true, false).await;
    switch(&mut ann, true, true).await;
    settle().await;

    // It had joined and slots.
    let (mut ben, resumed) = ben.resume(&server, 2).await;

    assert_eq!(resumed["received"], 1);
    expect_reconnecting(&mut ann, false).await;
    for camera in [false, true] {
        let update = ben.expect("participant-updated").await;
        assert_eq!(update["participant"]["camera"], camera);
    }
    ben.expect_nothing().await;
    switch(&mut ben, true, false).await;
    ann.expect("participant-updated").await;
    let joins = server.service.statistics().joins;
    assert!(joins.contains(&(JoinOutcome::Resumed, 1)), "{joins:?}");
}

#[tokio::test]
async fn the_client_hears_what_came_and_the_worker_nothing() {
    let server = start(WINDOW).await;
    let mut ann = join(&server).await;
    ann.offer().await;
    ann.expect_answer().await;
    switch(&mut ann, true, true).await;
    settle().await;
    let before = server.plane.commands().len();
    let ann = Away::drop(ann);
    settle().await;

    let (_ann, resumed) = ann.resume(&server, 2).await;

    assert_eq!(resumed["received"], 3);
    assert_eq!(server.plane.commands().len(), before);
}

#[tokio::test]
async fn what_went_into_a_dead_socket_is_sent_again() {
    let server = start(WINDOW).await;
    let ann = join(&server).await;
    let ben = join(&server).await;
    settle().await;

    // Of joined, participant-joined and slots it read the first two only.
    let (mut ann, _) = Away::drop(ann).resume(&server, 2).await;

    ann.expect("slots").await;
    ann.expect_nothing().await;
    drop(ben);
    expect_reconnecting(&mut ann, true).await;
}

#[tokio::test]
async fn a_new_socket_takes_the_seat_from_a_half_dead_one() {
    let server = start(WINDOW).await;
    let mut old = join(&server).await;
    let mut ben = join(&server).await;
    ben.expect("slots").await;

    let (mut new, _) = Away::of(&old).resume(&server, 1).await;

    new.expect("participant-joined").await;
    new.expect("slots").await;
    ben.expect_nothing().await;
    let end = async { while let Some(Ok(_)) = old.stream.next().await {} };
    timeout(PATIENCE, end)
        .await
        .expect("the old socket is closed");
    switch(&mut new, true, true).await;
    ben.expect("participant-updated").await;
}

#[tokio::test]
async fn who_does_not_come_back_in_time_has_left() {
    let window = Duration::from_secs(1);
    let server = start(window).await;
    let (mut ann, ben) = two(&server).await;
    let dropped = Instant::now();
    let ben = Away::drop(ben);
    expect_reconnecting(&mut ann, true).await;

    ann.expect("slots").await;
    ann.expect("participant-left").await;
    assert!(dropped.elapsed() >= window);

    ben.expect_refused(&server, 2).await;
}

#[tokio::test]
async fn who_leaves_is_gone_at_once() {
    let server = start(WINDOW).await;
    let (mut ann, mut ben) = two(&server).await;
    let away = Away::of(&ben);

    ben.send(&json!({"type": "leave"})).await;

    ann.expect("slots").await;
    ann.expect("participant-left").await;
    away.expect_refused(&server, 2).await;
}

#[tokio::test]
async fn a_socket_that_is_closed_in_earnest_ends_the_stay_and_another_does_not() {
    let server = start(WINDOW).await;
    let mut ann = join(&server).await;
    for (code, ends) in [
        (CloseCode::Normal, true),
        (CloseCode::Away, true),
        (CloseCode::Library(4000), false),
    ] {
        let mut ben = join(&server).await;
        ann.expect("participant-joined").await;
        ann.expect("slots").await;

        let reason = "".into();
        ben.send_raw(Message::Close(Some(CloseFrame { code, reason })))
            .await;

        if ends {
            ann.expect("slots").await;
            ann.expect("participant-left").await;
        } else {
            expect_reconnecting(&mut ann, true).await;
        }
    }
}

#[tokio::test]
async fn only_the_newest_secret_of_the_same_stay_opens_it() {
    let server = start(WINDOW).await;
    let ann = join(&server).await;
    let ben = join(&server).await;
    let used = Away::of(&ann);
    let bens_seat = Away::of(&ann).with_id(&Away::of(&ben).id);
    let nobodys = Away::of(&ann).with_id("0123456789abcdef");
    let wrong = Away::of(&ann).with_secret(&"A".repeat(43));
    let (mut ann, resumed) = Away::drop(ann).resume(&server, 1).await;
    // Shows that it has the new secret.
    switch(&mut ann, true, true).await;
    settle().await;

    for forged in [&bens_seat, &nobodys, &wrong, &used] {
        forged.expect_refused(&server, 1).await;
    }

    let secret = resumed["secret"].as_str().expect("there is a new one");
    used.with_secret(secret).resume(&server, 1).await;
    Away::of(&ben).resume(&server, 2).await;
    let joins = server.service.statistics().joins;
    assert!(
        joins.contains(&(JoinOutcome::ResumeRefused, 4)),
        "{joins:?}"
    );
}

#[tokio::test]
async fn a_secret_stays_good_while_the_next_may_be_lost() {
    let server = start(WINDOW).await;
    let away = Away::drop(join(&server).await);

    for _ in 0..3 {
        away.resume(&server, 1).await;
    }
}

#[tokio::test]
async fn numbers_that_cannot_be_end_the_stay_so_that_its_client_can_join_again() {
    for received in [0, 100, u32::MAX] {
        let server = start(WINDOW).await;
        let mut ann = join(&server).await;
        ann.send(&json!({"type": "ack", "received": 1})).await;
        settle().await;
        let away = Away::drop(ann);

        away.expect_refused(&server, received).await;

        let mut again = server.connect().await;
        let token = server.token("r");
        again.send(&again_as(&token, &away.id, away.salt)).await;
        again.expect("joined").await;
    }
}

#[tokio::test]
async fn who_may_not_have_heard_that_it_is_in_finds_its_place_free() {
    let server = start(WINDOW).await;
    let client = server.join("r").await;
    let (id, salt) = (client.id().to_owned(), client.salt);
    drop(client);
    settle().await;

    let mut again = server.connect().await;
    let token = server.token("r");
    again.send(&again_as(&token, &id, salt)).await;

    again.expect("joined").await;
}

#[tokio::test]
async fn whoever_lost_its_media_while_away_is_not_let_back() {
    let server = start(WINDOW).await;
    let ann = join(&server).await;
    let participant = ann.number();
    let ann = Away::drop(ann);
    settle().await;

    server.service.handle_media_event(Event::Disconnected {
        participant,
        reason: DisconnectReason::ConsentExpired,
    });

    ann.expect_refused(&server, 1).await;
    assert_eq!(server.service.statistics().participants, 0);
}

#[tokio::test]
async fn too_many_sockets_to_resume_by_are_refused_as_those_to_join_by() {
    let timing = Timing {
        resume_window: WINDOW,
        ..Timing::default()
    };
    let joins = Rate {
        per_second: 1,
        burst: 2,
    };
    let limits = Limits {
        joins,
        ..Limits::default()
    };
    let server = Server::start_with(timing, limits).await;
    let ann = join(&server).await;
    Away::drop(ann).resume(&server, 1).await;

    let status = server.refused(Some("quietroom.v1"), None).await;

    assert_eq!(status, 429);
}

#[tokio::test]
async fn a_server_that_goes_down_waits_for_nobody_who_is_away() {
    let server = start(WINDOW).await;
    let _away = Away::drop(join(&server).await);
    settle().await;

    server.service.shut_down();

    timeout(PATIENCE, server.service.closed())
        .await
        .expect("no socket is open");
    assert_eq!(server.service.statistics().participants, 0);
}

#[tokio::test]
async fn a_stay_that_nobody_takes_up_is_ended_at_the_worker_too() {
    let server = start(Duration::from_secs(1)).await;
    let mut ann = join(&server).await;
    ann.offer().await;
    ann.expect_answer().await;

    drop(ann);

    let has_left = || {
        let commands = server.plane.commands();
        matches!(commands.last(), Some((_, Command::Leave { .. })))
    };
    let ended = async {
        while !has_left() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("the worker is told");
}

/// What a client remembers of a stay.
/// `join`, under the id of a former stay.
fn again_as(token: &str, id: &str, salt: ParticipantSalt) -> Value {
    let salt = salt.to_string();
    json!({"type": "join", "token": token, "participantId": id, "participantSalt": salt})
}

struct Away {
    id: String,
    salt: ParticipantSalt,
    secret: String,
}

impl Away {
    fn of(client: &Client) -> Self {
        let secret = client.joined["resume"]["secret"].as_str();
        Self {
            id: client.id().to_owned(),
            salt: client.salt,
            secret: secret.expect("joined has a secret").to_owned(),
        }
    }

    /// The client's network is gone.
    fn drop(client: Client) -> Self {
        let away = Self::of(&client);
        drop(client);
        away
    }

    fn with_id(&self, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            salt: self.salt,
            secret: self.secret.clone(),
        }
    }

    fn with_secret(&self, secret: &str) -> Self {
        Self {
            id: self.id.clone(),
            salt: self.salt,
            secret: secret.to_owned(),
        }
    }

    async fn attempt(&self, server: &Server, received: u32) -> Client {
        let mut client = server.connect().await;
        let Self { id, secret, .. } = self;
        client
            .send(&json!({
                "type": "resume",
                "participantId": id,
                "secret": secret,
                "received": received,
            }))
            .await;
        client
    }

    async fn resume(&self, server: &Server, received: u32) -> (Client, Value) {
        let mut client = self.attempt(server, received).await;
        let resumed = client.expect("resumed").await;
        (client, resumed)
    }

    async fn expect_refused(&self, server: &Server, received: u32) {
        let mut client = self.attempt(server, received).await;
        client.expect_fatal("resume-refused").await;
    }
}

async fn start(resume_window: Duration) -> Server {
    let timing = Timing {
        ping_interval: Duration::from_millis(300),
        resume_window,
        ..Timing::default()
    };
    Server::start_with(timing, Limits::default()).await
}

/// Somebody who has shown that it knows that it is in.
async fn join(server: &Server) -> Client {
    let mut client = server.join("r").await;
    client.send(&json!({"type": "ack", "received": 1})).await;
    client
}

/// Two who have heard of each other.
async fn two(server: &Server) -> (Client, Client) {
    let mut ann = join(server).await;
    let mut ben = join(server).await;
    ann.expect("participant-joined").await;
    ann.expect("slots").await;
    ben.expect("slots").await;
    (ann, ben)
}

async fn switch(client: &mut Client, microphone: bool, camera: bool) {
    client
        .send(&json!({"type": "media", "microphone": microphone, "camera": camera}))
        .await;
}

async fn expect_reconnecting(client: &mut Client, is: bool) {
    let update = client.expect("participant-updated").await;
    assert_eq!(update["participant"]["reconnecting"], is);
}

/// Lets what is under way arrive.
async fn settle() {
    sleep(Duration::from_millis(300)).await;
}

const WINDOW: Duration = Duration::from_secs(30);
