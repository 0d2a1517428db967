//! The web client's types are those of this crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn committed_typescript_is_what_the_messages_generate() {
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated_types");
    let _ = fs::remove_dir_all(&fresh);
    let committed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../web-client/src/signaling/protocol");

    signaling::protocol::write_typescript(&fresh).expect("the target directory is writable");

    assert!(
        read_all(&committed) == read_all(&fresh),
        "run `cargo run -p signaling --example generate_types` and commit the result"
    );
}

fn read_all(directory: &Path) -> BTreeMap<String, String> {
    fs::read_dir(directory)
        .expect("the directory exists")
        .map(|entry| entry.expect("the entry is readable"))
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = fs::read_to_string(entry.path()).expect("the file is text");
            (name, text)
        })
        .collect()
}
