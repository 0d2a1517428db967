//! The TypeScript form of the messages.

use std::path::Path;

use ts_rs::{Config, ExportError, TS};

use super::{ClientMessage, ServerMessage};

/// Writes one file a type into `directory`, which is made if absent: the two
/// messages and all that they are made of.
///
/// # Errors
/// A file cannot be written.
pub fn write_typescript(directory: &Path) -> Result<(), ExportError> {
    let config = Config::new().with_out_dir(directory);
    ClientMessage::export_all(&config)?;
    ServerMessage::export_all(&config)
}
