//! Writes the TypeScript types of the websocket's messages into the web
//! client: `cargo run -p signaling --example generate_types`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../web-client/src/signaling/protocol");
    match signaling::protocol::write_typescript(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write to {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}
