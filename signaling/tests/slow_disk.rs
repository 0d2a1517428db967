//! A disk that stands still: nobody stays for it who is sent away, and no
//! socket waits for it.

mod server;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use server::role::{barrier, come, join};
use server::{Client, Server};
use sfu::worker::command::Command;
use signaling::access::{AccessPolicy, Admission, UnixTime};
use signaling::limits::Limits;
use signaling::room::{Decision, Entry, NoEntry, Recorded, SecondDevice, SessionPolicy, Sessions};
use signaling::socket::Timing;
use tokio::sync::oneshot;

#[tokio::test]
async fn who_is_removed_is_silenced_at_once_and_told_so_when_that_is_on_disk() {
    let (server, disk) = start().await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut abuser = join(&server, "room", "client", "c").await;
    for client in [&mut host, &mut abuser] {
        client.offer().await;
        client
            .send(&json!({"type": "media", "microphone": true, "camera": true}))
            .await;
        barrier(client).await;
    }
    barrier(&mut host).await;
    let id = abuser.id().to_owned();

    host.send(&json!({"type": "remove", "participantId": id}))
        .await;
    let told = host.expect("participant-updated").await;

    let quiet = (
        &told["participant"]["microphone"],
        &told["participant"]["camera"],
    );
    assert_eq!(quiet, (&json!(false), &json!(false)));
    assert!(has_left_worker(&server, &abuser));
    // Nor does it hear anything, or get anything through.
    host.send(&json!({"type": "media", "microphone": false, "camera": false}))
        .await;
    abuser
        .send(&json!({"type": "media", "microphone": true, "camera": false}))
        .await;
    assert_eq!(barrier(&mut host).await, [json!(null); 0]);
    assert_eq!(barrier(&mut abuser).await, [json!(null); 0]);
    let mut again = come(&server, "room", "client", "c").await;
    again.expect_fatal("token-revoked").await;

    let written = disk.write(true).await;
    assert!(matches!(written, Decision::Remove { .. }), "{written:?}");

    host.expect("slots").await;
    assert_eq!(host.expect("participant-left").await["participantId"], id);
    assert_eq!(last_word(&mut abuser).await, "removed");
}

#[tokio::test]
async fn a_removal_holds_though_its_host_is_gone_and_is_carried_out_though_the_disk_fails() {
    for is_host_there in [true, false] {
        let (server, disk) = start().await;
        let mut host = join(&server, "room", "host", "h").await;
        let mut abuser = join(&server, "room", "client", "c").await;
        let id = abuser.id().to_owned();
        let remove = json!({"type": "remove", "participantId": id});
        host.send(&remove).await;
        host.expect("participant-joined").await;
        host.expect("slots").await;
        host.expect("participant-updated").await;
        if !is_host_there {
            host.send(&json!({"type": "leave"})).await;
            while host.receive_or_end().await.is_some() {}
        }

        disk.write(false).await;

        if is_host_there {
            assert_eq!(host.expect("error").await["code"], "internal");
        }
        assert_eq!(last_word(&mut abuser).await, "removed");
        if is_host_there {
            let mut again = come(&server, "room", "client", "c").await;
            again.expect_fatal("token-revoked").await;
        }
    }
}

#[tokio::test]
async fn an_end_lets_nobody_in_and_is_told_when_it_is_on_disk() {
    let (server, disk) = start().await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut other = join(&server, "room", "client", "d").await;
    other.offer().await;
    barrier(&mut other).await;
    host.send(&json!({"type": "end-session"})).await;
    let began = Instant::now();
    while !has_left_worker(&server, &other) {
        assert!(began.elapsed() < server::PATIENCE, "it is heard still");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(barrier(&mut other).await, [json!(null); 0]);
    let mut late = come(&server, "room", "client", "x").await;
    late.expect_fatal("session-ended").await;

    let written = disk.write(true).await;
    assert!(matches!(written, Decision::End { .. }), "{written:?}");

    assert_eq!(last_word(&mut host).await, "session-ended");
    assert_eq!(last_word(&mut other).await, "session-ended");
}

#[tokio::test]
async fn whoever_lets_in_all_means_those_who_waited_when_it_was_asked() {
    let (server, disk) = start_waiting().await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut early = come(&server, "room", "client", "c").await;
    early.expect("waiting").await;
    // So that what comes next waits behind it.
    host.send(&json!({"type": "lock", "locked": true})).await;
    host.send(&json!({"type": "lock", "locked": false})).await;
    host.send(&json!({"type": "admit-all"})).await;
    barrier(&mut host).await;
    let mut late = come(&server, "room", "client", "d").await;
    late.expect("waiting").await;

    disk.write(true).await;
    disk.write(true).await;
    let admitted = disk.write(true).await;

    assert!(matches!(admitted, Decision::Admit { .. }), "{admitted:?}");
    early.expect("joined").await;
    assert_eq!(barrier(&mut late).await, [json!(null); 0]);
}

#[tokio::test]
async fn who_is_let_in_by_one_host_is_refused_by_no_other_and_keeps_the_seat() {
    let (server, disk) = start_waiting().await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut other = join(&server, "room", "host", "i").await;
    let mut first = come(&server, "room", "client", "c").await;
    first.expect("waiting").await;
    let mut second = come(&server, "room", "client", "d").await;
    second.expect("waiting").await;
    barrier(&mut other).await;

    host.send(&json!({"type": "admit", "participantIds": [first.chosen]}))
        .await;
    barrier(&mut host).await;
    let refuse = json!({"type": "refuse", "participantId": first.chosen});
    for (decision, code) in [
        (refuse, "unknown-participant"),
        // Of three seats.
        (
            json!({"type": "admit", "participantIds": [second.chosen]}),
            "room-full",
        ),
    ] {
        other.send(&decision).await;
        let told = barrier(&mut other).await;
        let codes: Vec<_> = told.iter().filter(|told| told["type"] == "error").collect();
        assert_eq!(codes.len(), 1, "{told:?}");
        assert_eq!(codes[0]["code"], code);
    }

    let written = disk.write(true).await;
    assert!(matches!(written, Decision::Admit { .. }), "{written:?}");
    first.expect("joined").await;
    assert!(disk.is_idle());
    assert_eq!(barrier(&mut second).await, [json!(null); 0]);
}

#[tokio::test]
async fn who_could_not_be_let_in_waits_on() {
    let (server, disk) = start_waiting().await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut client = come(&server, "room", "client", "c").await;
    client.expect("waiting").await;
    let admit = json!({"type": "admit", "participantIds": [client.chosen]});
    host.send(&admit).await;
    disk.write(false).await;
    host.expect("waiting-list").await;
    assert_eq!(host.expect("error").await["code"], "internal");
    assert_eq!(barrier(&mut client).await, [json!(null); 0]);

    host.send(&admit).await;
    disk.write(true).await;

    client.expect("joined").await;
}

#[tokio::test]
async fn other_decisions_wait_in_their_order_and_the_socket_does_not() {
    let (server, disk) = start().await;
    let mut host = join(&server, "room", "host", "h").await;
    for locked in [true, false, true] {
        host.send(&json!({"type": "lock", "locked": locked})).await;
    }

    let began = Instant::now();
    assert_eq!(barrier(&mut host).await, [json!(null); 0]);
    assert!(began.elapsed() < Duration::from_secs(5));
    let _guest = join(&server, "room", "client", "c").await;
    host.expect("participant-joined").await;
    host.expect("slots").await;

    for locked in [true, false, true] {
        assert_eq!(disk.write(true).await, Decision::Lock(locked));
        assert_eq!(host.expect("locked").await["locked"], locked);
    }
    let mut stranger = come(&server, "room", "client", "x").await;
    stranger.expect_fatal("room-locked").await;
}

#[tokio::test]
async fn a_decision_that_cannot_be_written_in_the_end_is_not_carried_out() {
    let (server, disk) = start().await;
    let mut host = join(&server, "room", "host", "h").await;
    host.send(&json!({"type": "lock", "locked": true})).await;
    barrier(&mut host).await;

    disk.write(false).await;

    assert_eq!(host.expect("error").await["code"], "internal");
    join(&server, "room", "client", "c").await;
}

/// Why somebody's stay ended.
async fn last_word(client: &mut Client) -> String {
    let mut last = json!(null);
    while let Some(message) = client.receive_or_end().await {
        last = message;
    }
    last["code"].as_str().unwrap_or_default().to_owned()
}

fn has_left_worker(server: &Server, client: &Client) -> bool {
    let left = Command::Leave {
        participant: client.number(),
    };
    let commands = server.plane.commands();
    commands.iter().any(|(_, command)| *command == left)
}

/// Takes everybody, and writes when it is told to.
#[derive(Default, Debug)]
struct Disk {
    policy: SessionPolicy,
    waiting: Mutex<Vec<(Decision, oneshot::Sender<bool>)>>,
    /// Tokens whose bearers are known to be let in.
    admitted: Mutex<HashSet<String>>,
}

impl Sessions for Disk {
    fn enter(&self, _: &Admission, _: UnixTime) -> Result<Entry, NoEntry> {
        Ok(Entry {
            policy: self.policy.clone(),
            ..Entry::default()
        })
    }

    fn record(&self, _: &str, _: Option<&str>, decisions: &[Decision]) -> Recorded {
        let [decision] = decisions else {
            panic!("each test decides one thing at a time: {decisions:?}");
        };
        let is_known = match decision {
            // Some need nobody's word; nothing waits for that.
            Decision::Admit { token_id } => {
                let admitted = self.admitted.lock().expect("no test panics here");
                !self.policy.waiting_room
                    || HOSTS.contains(&&**token_id)
                    || admitted.contains(token_id)
            }
            Decision::Emptied { .. } => true,
            _ => false,
        };
        if is_known {
            return Recorded::nothing();
        }
        let (written, done) = oneshot::channel();
        let mut waiting = self.waiting.lock().expect("no test panics here");
        waiting.push((decision.clone(), written));
        Recorded::when(done)
    }
}

impl Disk {
    /// Lets the first one that waits be written, or not.
    async fn write(&self, is_written: bool) -> Decision {
        let began = Instant::now();
        loop {
            let first = {
                let mut waiting = self.waiting.lock().expect("no test panics here");
                (!waiting.is_empty()).then(|| waiting.remove(0))
            };
            if let Some((decision, written)) = first {
                if let Decision::Admit { token_id } = &decision
                    && is_written
                {
                    let mut admitted = self.admitted.lock().expect("no test panics here");
                    admitted.insert(token_id.clone());
                }
                written.send(is_written).expect("somebody waits");
                return decision;
            }
            assert!(began.elapsed() < server::PATIENCE, "nothing was decided");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock().expect("no test panics here");
        waiting.is_empty()
    }
}

async fn start() -> (Server, Arc<Disk>) {
    start_ruled(SessionPolicy::default()).await
}

async fn start_waiting() -> (Server, Arc<Disk>) {
    start_ruled(SessionPolicy {
        waiting_room: true,
        ..SessionPolicy::default()
    })
    .await
}

async fn start_ruled(policy: SessionPolicy) -> (Server, Arc<Disk>) {
    let disk = Arc::new(Disk {
        policy,
        ..Disk::default()
    });
    let server = Server::start_beside(
        Timing::default(),
        Limits::default(),
        AccessPolicy::default(),
        SecondDevice::Allow,
        disk.clone(),
    )
    .await;
    (server, disk)
}

const HOSTS: [&str; 2] = ["room-h", "room-i"];
