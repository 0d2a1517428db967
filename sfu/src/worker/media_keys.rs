//! A worker's keys, for a test that stands between it and its participants.

use super::Worker;
use crate::identity::ParticipantId;
use crate::srtp::ExportedKeys;
use crate::transport::Path;

impl Worker {
    /// Who is heard on `path`, with its session's keys; `None` before the
    /// handshake is done.
    pub fn media_keys(&self, path: &Path) -> Option<(ParticipantId, &ExportedKeys)> {
        let participant = &self.participants[self.routes.find(path)?];
        let session = participant.srtp.as_ref()?;
        Some((participant.id, &session.exported))
    }
}
