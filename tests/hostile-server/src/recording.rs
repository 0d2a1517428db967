//! What the server could read, kept.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sfu::identity::ParticipantId;

/// A file of JSON objects, one a line. Clones write to one file.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    file: Arc<Mutex<BufWriter<File>>>,
}

/// From a participant to the server, or to a participant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    In,
    Out,
}

impl Recording {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Arc::new(Mutex::new(BufWriter::new(File::create(path)?))),
        })
    }

    /// An RTP or compound RTCP packet (`kind`) without its SRTP protection.
    pub(crate) fn packet(&self, kind: &str, way: Way, participant: ParticipantId, bytes: &[u8]) {
        self.write(&json!({
            "kind": kind,
            "way": way.name(),
            "participant": participant.to_string(),
            "bytes": STANDARD.encode(bytes),
        }));
    }

    /// A message of the websocket numbered `socket`.
    pub(crate) fn text(&self, way: Way, socket: u64, text: &str) {
        self.write(&json!({
            "kind": "text",
            "way": way.name(),
            "socket": socket,
            "bytes": STANDARD.encode(text),
        }));
    }

    /// A request's head and body.
    pub(crate) fn request(&self, head: &str, body: &[u8]) {
        let bytes = [head.as_bytes(), body].concat();
        self.write(&json!({ "kind": "request", "way": "in", "bytes": STANDARD.encode(bytes) }));
    }

    pub(crate) fn write(&self, line: &Value) {
        writeln!(self.lock(), "{line}").expect("the recording can be written");
    }

    pub(crate) fn flush(&self) {
        self.lock().flush().expect("the recording can be written");
    }

    fn lock(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}
