//! What waits to be sent to one participant, and what it may not have got.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use crate::protocol::ServerMessage;

/// A queue bounded in bytes. Many may put messages in; one task takes them
/// out. A reader that does not keep up loses its socket: nothing is buffered
/// beyond the bound. What was taken is kept, within a bound of its own, until
/// the client has acknowledged it, for another socket to send it again.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
}

/// What to do next with the socket.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next {
    Send(Utf8Bytes),
    /// All is sent, and no more will come.
    Close,
    /// Too much waits: give the socket up at once.
    GiveUp,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug)]
struct Queue {
    /// Those that were taken come first.
    texts: VecDeque<Utf8Bytes>,
    /// How many of them were taken.
    taken: usize,
    taken_bytes: usize,
    waiting_bytes: usize,
    /// How many messages went before the first of them.
    forgotten: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    Closing,
    Overflowed,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(Queue {
                    texts: VecDeque::new(),
                    taken: 0,
                    taken_bytes: 0,
                    waiting_bytes: 0,
                    forgotten: 0,
                    state: State::Open,
                }),
                changed: Notify::new(),
            }),
        }
    }

    /// Queues a message. Nothing happens once the queue is closed.
    pub(super) fn push(&self, message: &ServerMessage) {
        let text = serde_json::to_string(message).expect("messages are plain data");
        let mut queue = self.lock();
        if queue.state != State::Open {
            return;
        }
        queue.waiting_bytes += text.len();
        queue.texts.push_back(text.into());
        queue.check_bound();
        drop(queue);
        self.shared.changed.notify_one();
    }

    /// Takes no more messages; what is queued is still sent.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        if queue.state == State::Open {
            queue.state = State::Closing;
        }
        drop(queue);
        self.shared.changed.notify_one();
    }

    /// Whether messages are no longer taken.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().state != State::Open
    }

    /// Forgets what the client has: so many messages in all. What was never
    /// sent it cannot have.
    pub(super) fn acknowledge(&self, received: u32) {
        let mut queue = self.lock();
        let count = received.saturating_sub(queue.forgotten);
        for _ in 0..count {
            if !queue.forget_oldest() {
                break;
            }
        }
    }

    /// Starts again after the messages that the client has, for another
    /// socket. Gives whether that is possible: all that it has not is here,
    /// and not too much.
    pub(super) fn rewind(&self, received: u32) -> bool {
        let mut queue = self.lock();
        let last = queue.forgotten as usize + queue.taken;
        if received < queue.forgotten || received as usize > last || queue.state != State::Open {
            return false;
        }
        while queue.forgotten < received {
            queue.forget_oldest();
        }
        queue.waiting_bytes += queue.taken_bytes;
        queue.taken_bytes = 0;
        queue.taken = 0;
        queue.check_bound();
        let is_possible = queue.state == State::Open;
        drop(queue);
        self.shared.changed.notify_one();
        is_possible
    }

    /// Waits for the next thing to do. May be dropped without loss while it
    /// waits.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.shared.changed.notified().await;
        }
    }

    /// Waits until too much is queued.
    pub(super) async fn overflowed(&self) {
        while self.lock().state != State::Overflowed {
            self.shared.changed.notified().await;
        }
    }

    /// Waits until messages are no longer taken.
    pub(super) async fn closed(&self) {
        while !self.is_closed() {
            self.shared.changed.notified().await;
        }
    }

    fn take(&self) -> Option<Next> {
        let mut queue = self.lock();
        if queue.state == State::Overflowed {
            return Some(Next::GiveUp);
        }
        if let Some(text) = queue.texts.get(queue.taken).cloned() {
            queue.taken += 1;
            queue.waiting_bytes -= text.len();
            queue.taken_bytes += text.len();
            while queue.taken_bytes > MAX_BYTES {
                queue.forget_oldest();
            }
            return Some(Next::Send(text));
        }
        (queue.state == State::Closing).then_some(Next::Close)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Forgets the oldest of those that were taken, if there is one.
    fn forget_oldest(&mut self) -> bool {
        if self.taken == 0 {
            return false;
        }
        let text = self.texts.pop_front().unwrap_or_default();
        self.taken -= 1;
        self.taken_bytes -= text.len();
        self.forgotten = self.forgotten.saturating_add(1);
        true
    }

    fn check_bound(&mut self) {
        if self.waiting_bytes > MAX_BYTES {
            self.texts.clear();
            self.taken = 0;
            self.state = State::Overflowed;
        }
    }
}

/// Room for several answers to offers with 24 slots, 30 KB each.
const MAX_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn messages_come_out_in_order_and_then_the_end() {
        let outbox = Outbox::new();
        outbox.push(&left("a"));
        outbox.push(&left("b"));
        outbox.close();
        outbox.push(&left("c"));

        assert_eq!(outbox.next().await, Next::Send(text("a")));
        assert_eq!(outbox.next().await, Next::Send(text("b")));
        assert_eq!(outbox.next().await, Next::Close);
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken() {
        let outbox = Outbox::new();
        let reader = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.next().await }
        });
        tokio::task::yield_now().await;

        outbox.push(&left("a"));

        let next = timeout(Duration::from_secs(5), reader).await;
        assert_eq!(
            next.expect("it wakes").expect("it runs"),
            Next::Send(text("a"))
        );
    }

    #[tokio::test]
    async fn too_much_gives_the_socket_up_and_holds_nothing() {
        let outbox = Outbox::new();
        let message = left(&"x".repeat(1_000));
        let size = text(&"x".repeat(1_000)).len();
        for _ in 0..MAX_BYTES / size {
            outbox.push(&message);
        }
        assert!(matches!(outbox.next().await, Next::Send(_)));
        outbox.push(&message);
        assert!(matches!(outbox.next().await, Next::Send(_)));

        outbox.push(&message);
        outbox.push(&message);

        timeout(Duration::from_secs(5), outbox.overflowed())
            .await
            .expect("the bound is passed");
        assert_eq!(outbox.next().await, Next::GiveUp);
        assert!(outbox.lock().texts.is_empty());
    }

    #[tokio::test]
    async fn what_was_taken_no_longer_counts() {
        let outbox = Outbox::new();
        for _ in 0..1_000 {
            outbox.push(&left(&"x".repeat(1_000)));
            assert!(matches!(outbox.next().await, Next::Send(_)));
        }
    }

    #[tokio::test]
    async fn what_the_client_has_not_is_sent_again_in_order() {
        let outbox = Outbox::new();
        for id in ["a", "b", "c"] {
            outbox.push(&left(id));
        }
        outbox.next().await;
        outbox.next().await;
        outbox.acknowledge(1);

        assert!(outbox.rewind(1));

        assert_eq!(outbox.next().await, Next::Send(text("b")));
        assert_eq!(outbox.next().await, Next::Send(text("c")));
        assert!(outbox.rewind(3));
        outbox.push(&left("d"));
        assert_eq!(outbox.next().await, Next::Send(text("d")));
    }

    #[tokio::test]
    async fn nobody_goes_back_before_what_it_had_or_on_to_what_it_was_never_sent() {
        let outbox = Outbox::new();
        for id in ["a", "b", "c"] {
            outbox.push(&left(id));
        }
        outbox.next().await;
        outbox.next().await;
        outbox.acknowledge(1);

        assert!(!outbox.rewind(0));
        assert!(!outbox.rewind(3));
        assert!(!outbox.rewind(u32::MAX));
        outbox.acknowledge(u32::MAX);
        assert_eq!(outbox.next().await, Next::Send(text("c")), "c was not sent");
        assert!(outbox.rewind(2));
    }

    #[tokio::test]
    async fn a_client_that_acknowledges_nothing_costs_no_more_than_the_bound() {
        let outbox = Outbox::new();
        for _ in 0..1_000 {
            outbox.push(&left(&"x".repeat(1_000)));
            outbox.next().await;
        }

        let kept: usize = outbox.lock().texts.iter().map(|text| text.len()).sum();
        assert!(kept <= MAX_BYTES, "{kept}");
        assert!(!outbox.rewind(500));
        assert!(outbox.rewind(999));
    }

    #[tokio::test]
    async fn too_much_for_somebody_who_is_away_ends_its_stay() {
        let outbox = Outbox::new();
        outbox.push(&left("a"));
        outbox.next().await;
        for _ in 0..300 {
            outbox.push(&left(&"x".repeat(1_000)));
        }

        timeout(Duration::from_secs(5), outbox.closed())
            .await
            .expect("it is over");
        assert!(!outbox.rewind(1));
    }

    fn left(id: &str) -> ServerMessage {
        ServerMessage::ParticipantLeft {
            participant_id: id.into(),
        }
    }

    fn text(id: &str) -> Utf8Bytes {
        format!(r#"{{"type":"participant-left","participantId":"{id}"}}"#).into()
    }
}
