//! A disk that stands still: nobody stays for it who is sent away, and no
//! socket waits for it.

mod server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use server::role::{barrier, come, join};
use server::{Client, Server};
use signaling::access::{AccessPolicy, Admission, UnixTime};
use signaling::limits::Limits;
use signaling::room::{Decision, Entry, NoEntry, Recorded, SecondDevice, Sessions};
use signaling::socket::Timing;
use tokio::sync::oneshot;

#[tokio::test]
async fn a_removal_and_an_end_take_place_before_they_are_on_record() {
    let (server, disk) = start().await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut abuser = join(&server, "room", "client", "c").await;
    let mut other = join(&server, "room", "client", "d").await;

    let id = abuser.id().to_owned();
    host.send(&json!({"type": "remove", "participantId": id}))
        .await;
    assert_eq!(last_word(&mut abuser).await, "removed");
    host.send(&json!({"type": "end-session"})).await;
    assert_eq!(last_word(&mut other).await, "session-ended");

    let waiting = disk.waiting.lock().expect("no test panics here");
    let decisions: Vec<_> = waiting.iter().map(|(decision, _)| decision).collect();
    assert!(
        matches!(
            decisions[..],
            [Decision::Remove { .. }, Decision::End { .. }]
        ),
        "{decisions:?}"
    );
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

/// Takes everybody, and writes when it is told to.
#[derive(Default, Debug)]
struct Disk {
    waiting: Mutex<Vec<(Decision, oneshot::Sender<bool>)>>,
}

impl Sessions for Disk {
    fn enter(&self, _: &Admission, _: UnixTime) -> Result<Entry, NoEntry> {
        Ok(Entry::default())
    }

    fn record(&self, _: &str, decision: Decision) -> Recorded {
        // That somebody who needed nobody's word is in; nothing waits for it.
        if matches!(decision, Decision::Admit { .. }) {
            return Recorded::nothing();
        }
        let (written, done) = oneshot::channel();
        let mut waiting = self.waiting.lock().expect("no test panics here");
        waiting.push((decision, written));
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
                written.send(is_written).expect("somebody waits");
                return decision;
            }
            assert!(began.elapsed() < server::PATIENCE, "nothing was decided");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn start() -> (Server, Arc<Disk>) {
    let disk = Arc::new(Disk::default());
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
