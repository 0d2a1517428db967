//! Clients over TCP and TLS.

use std::time::{Duration, Instant};

use super::Server;
use crate::address::{FiveTuple, Source};
use crate::framing::{Framing, Nonsense};
use crate::output::{Output, Request};
use crate::quota::count_down;

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    framing: Framing,
    /// Until when it may be without an allocation; `None` while it has one.
    deadline: Option<Instant>,
    /// Requests while it had none.
    requests: u32,
}

impl Server {
    /// Takes note of a connection; one over TLS when its handshake is done.
    /// Where there are too many, the one that has been without an allocation
    /// for the longest is closed for it.
    ///
    /// Returns `false` if it cannot be taken, and must be closed.
    #[must_use]
    pub fn open_stream(&mut self, now: Instant, client: FiveTuple, output: &mut Output) -> bool {
        let source = Source::of(&client);
        let limits = self.config.limits;
        let of_source = |server: &Self| server.stream_sources.get(&source).copied().unwrap_or(0);
        if of_source(self) >= limits.streams_of_source {
            let oldest = self.waiting.iter();
            let oldest = oldest.map(|(_, client)| *client);
            let mut theirs = oldest.filter(|client| Source::of(client) == source);
            if let Some(oldest) = theirs.next() {
                self.drop_stream(now, oldest, output);
            }
        } else if self.streams.len() >= limits.streams as usize
            && let Some((_, oldest)) = self.waiting.first().copied()
        {
            self.drop_stream(now, oldest, output);
        }
        if of_source(self) >= limits.streams_of_source
            || self.streams.len() >= limits.streams as usize
            || !client.transport.is_stream()
            || self.streams.contains_key(&client)
        {
            self.statistics.streams_ended += 1;
            return false;
        }
        *self.stream_sources.entry(source).or_default() += 1;
        let stream = Stream {
            framing: Framing::default(),
            deadline: None,
            requests: 0,
        };
        self.streams.insert(client, stream);
        self.statistics.streams = self.streams.len() as u64;
        self.let_wait(now, client);
        true
    }

    /// Takes what came over a connection, however the bytes are split. What
    /// makes no sense ends it.
    pub fn handle_stream(
        &mut self,
        now: Instant,
        client: FiveTuple,
        bytes: &[u8],
        output: &mut Output,
    ) {
        let Some(stream) = self.streams.get_mut(&client) else {
            return;
        };
        let mut framing = std::mem::take(&mut stream.framing);
        let mut rest = bytes;
        loop {
            let handled = match framing.next(&mut rest) {
                Ok(Some(frame)) => self.handle_frame(now, client, frame, output),
                Ok(None) => break,
                Err(nonsense) => Err(nonsense),
            };
            if handled.is_err() {
                self.statistics.dropped.malformed += 1;
                self.drop_stream(now, client, output);
                return;
            }
        }
        if let Some(stream) = self.streams.get_mut(&client) {
            stream.framing = framing;
        }
    }

    /// Takes note that a connection has ended, and with it its allocation
    /// (RFC 8656 §7.2).
    pub fn close_stream(&mut self, now: Instant, client: FiveTuple, output: &mut Output) {
        self.forget_stream(&client);
        if client.transport.is_stream()
            && let Some(key) = self.by_client.get(&client)
        {
            self.remove(now, *key, output);
        }
    }

    /// Closes a connection that is no good.
    pub(super) fn drop_stream(&mut self, now: Instant, client: FiveTuple, output: &mut Output) {
        self.close_stream(now, client, output);
        self.statistics.streams_ended += 1;
        output.request(Request::CloseStream(client));
    }

    /// Counts a request over a connection without an allocation.
    pub(super) fn count_early_request(&mut self, client: &FiveTuple) -> Result<(), Nonsense> {
        let stream = self.streams.get_mut(client).ok_or(Nonsense)?;
        stream.requests += 1;
        if stream.requests > MOST_EARLY_REQUESTS {
            return Err(Nonsense);
        }
        Ok(())
    }

    /// Lets a connection be without an allocation for a while.
    pub(super) fn let_wait(&mut self, now: Instant, client: FiveTuple) {
        if let Some(stream) = self.streams.get_mut(&client) {
            let deadline = now + LONGEST_WAIT;
            stream.deadline = Some(deadline);
            self.waiting.insert((deadline, client));
        }
    }

    /// Lets a connection last for as long as its allocation does.
    pub(super) fn settle(&mut self, client: &FiveTuple) {
        if let Some(stream) = self.streams.get_mut(client)
            && let Some(deadline) = stream.deadline.take()
        {
            self.waiting.remove(&(deadline, *client));
        }
    }

    fn forget_stream(&mut self, client: &FiveTuple) {
        if let Some(stream) = self.streams.remove(client) {
            if let Some(deadline) = stream.deadline {
                self.waiting.remove(&(deadline, *client));
            }
            count_down(self.stream_sources.entry(Source::of(client)));
            self.statistics.streams = self.streams.len() as u64;
        }
    }
}

/// How long a connection may be without an allocation.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Some tries with credentials that fail, and checks of the path, in all of a
/// connection's time.
const MOST_EARLY_REQUESTS: u32 = 32;
