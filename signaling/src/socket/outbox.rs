//! What waits to be sent to one participant.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::protocol::ServerMessage;

/// A queue bounded in bytes. Many may put messages in; one task takes them
/// out. A reader that does not keep up loses its socket: nothing is buffered
/// beyond the bound.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
}

/// What to do next with the socket.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next {
    Send(String),
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
    texts: VecDeque<String>,
    bytes: usize,
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
                    bytes: 0,
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
        queue.bytes += text.len();
        if queue.bytes > MAX_BYTES {
            queue.texts.clear();
            queue.state = State::Overflowed;
        } else {
            queue.texts.push_back(text);
        }
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

    fn take(&self) -> Option<Next> {
        let mut queue = self.lock();
        if queue.state == State::Overflowed {
            return Some(Next::GiveUp);
        }
        if let Some(text) = queue.texts.pop_front() {
            queue.bytes -= text.len();
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

    fn left(id: &str) -> ServerMessage {
        ServerMessage::ParticipantLeft {
            participant_id: id.into(),
        }
    }

    fn text(id: &str) -> String {
        format!(r#"{{"type":"participant-left","participantId":"{id}"}}"#)
    }
}
