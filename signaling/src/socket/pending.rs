//! What somebody decided and the disk has not: it waits beside the socket, so
//! that the socket does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sfu::identity::ParticipantId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::register::Order;
use super::service::Service;
use crate::protocol::ClientMessage;

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
pub(super) enum Pending {
    /// The room has not heard of it.
    Message(ClientMessage),
    /// It was recorded before the disk was found to be slow.
    Order(Order),
}

impl PendingDecisions {
    pub(super) fn start(service: Service, id: ParticipantId) -> Self {
        let (queue, mut decisions) = mpsc::channel(MOST_PENDING);
        let count = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn({
            let count = count.clone();
            async move {
                while let Some(decision) = decisions.recv().await {
                    let order = match decision {
                        Pending::Message(message) => service.register().request(id, message),
                        Pending::Order(order) => Some(order),
                    };
                    if let Some(order) = order {
                        conclude(service.clone(), order).await;
                    }
                    count.fetch_sub(1, Ordering::AcqRel);
                }
            }
        });
        Self { queue, count, task }
    }

    /// Takes a decision. `false`: too many wait already.
    pub(super) fn push(&self, decision: Pending) -> bool {
        self.count.fetch_add(1, Ordering::AcqRel);
        let is_taken = self.queue.try_send(decision).is_ok();
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

/// Carries an order out once it is on disk.
pub(super) async fn conclude(service: Service, mut order: Order) {
    let is_written = order.written().await;
    service.register().conclude(order, is_written);
}

/// Whether a message is for the disk, and comes after those that wait for it.
pub(super) fn waits_its_turn(message: &ClientMessage) -> bool {
    matches!(
        message,
        ClientMessage::AcceptConsent { .. }
            | ClientMessage::Admit { .. }
            | ClientMessage::AdmitAll {}
            | ClientMessage::Lock { .. }
    )
}

/// Whether a message is not to wait for the disk, as far as others still hear
/// whoever it is about.
pub(super) fn sends_away(message: &ClientMessage) -> bool {
    matches!(
        message,
        ClientMessage::Remove { .. } | ClientMessage::EndSession {}
    )
}

/// Of one stay. An order is only put there when it is empty.
const MOST_PENDING: usize = 64;

const LAST_MOMENT: Duration = Duration::from_secs(1);
