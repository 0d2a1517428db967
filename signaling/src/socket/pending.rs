//! What somebody decided and the disk has not: it waits beside the socket, so
//! that the socket does not.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::outbox::Outbox;
use super::request;
use super::service::Service;
use crate::protocol::{ClientMessage, ErrorCode, ServerMessage};
use crate::room::Recorded;

/// One stay's decisions, carried out in the order in which they were made, each
/// once it is on disk.
#[derive(Debug)]
pub(super) struct PendingDecisions {
    queue: mpsc::Sender<Pending>,
    /// Those queued and the one under way.
    count: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Pending {
    message: ClientMessage,
    /// Of one that was recorded before the disk was found to be slow.
    writing: Option<Writing>,
}

/// A record on its way to the disk, and whether it gets there.
pub(super) struct Writing(Pin<Box<dyn Future<Output = bool> + Send>>);

impl Writing {
    pub(super) fn new(decisions: Vec<Recorded>) -> Self {
        Self(Box::pin(async move {
            let mut are_written = true;
            for decision in decisions {
                are_written &= decision.done().await;
            }
            are_written
        }))
    }

    /// `None`: not within the time that a disk in order takes.
    pub(super) async fn soon(&mut self) -> Option<bool> {
        timeout(SOON, self.0.as_mut()).await.ok()
    }
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writing")
    }
}

impl PendingDecisions {
    pub(super) fn start(service: Service, id: ParticipantId, outbox: Outbox) -> Self {
        let (queue, mut messages) = mpsc::channel(MOST_PENDING);
        let count = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn({
            let count = count.clone();
            async move {
                while let Some(Pending { message, writing }) = messages.recv().await {
                    let writing = writing
                        .unwrap_or_else(|| Writing::new(service.register().record(id, &message)));
                    if writing.0.await {
                        service.register().update(id, |room| {
                            request::handle(room, id, message, Instant::now())
                        });
                    } else {
                        outbox.push(&not_written());
                    }
                    count.fetch_sub(1, Ordering::AcqRel);
                }
            }
        });
        Self { queue, count, task }
    }

    /// Takes a decision. `false`: too many wait already.
    pub(super) fn push(&self, message: ClientMessage, writing: Option<Writing>) -> bool {
        self.count.fetch_add(1, Ordering::AcqRel);
        let is_taken = self.queue.try_send(Pending { message, writing }).is_ok();
        if !is_taken {
            self.count.fetch_sub(1, Ordering::AcqRel);
        }
        is_taken
    }

    /// Whether nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Waits a moment for what was decided before the stay ended.
    pub(super) async fn finish(self) {
        drop(self.queue);
        let _ = timeout(LAST_MOMENT, self.task).await;
    }
}

/// Whether a message is carried out only once it is on disk.
pub(super) fn must_be_on_disk(message: &ClientMessage) -> bool {
    matches!(
        message,
        ClientMessage::AcceptConsent { .. }
            | ClientMessage::Admit { .. }
            | ClientMessage::AdmitAll {}
            | ClientMessage::Lock { .. }
    )
}

pub(super) fn not_written() -> ServerMessage {
    ServerMessage::Error {
        code: ErrorCode::Internal,
        message: NOT_WRITTEN.to_owned(),
        fatal: false,
    }
}

const NOT_WRITTEN: &str = "this could not be stored and was not done; try again";

/// Of one stay.
const MOST_PENDING: usize = 64;

/// A disk in order writes within this. Who is sent away stays no longer for one
/// that is not, and no socket stands still for it.
const SOON: Duration = Duration::from_millis(500);

const LAST_MOMENT: Duration = Duration::from_secs(1);
