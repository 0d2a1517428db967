//! Release builds hold the web client: build again when it changes.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=web-client/dist");
        if !std::path::Path::new("web-client/dist/index.html").exists() {
            println!(
                "cargo::warning=the web client is not built: this binary will have no pages; run `make client` first"
            );
        }
    }
}
