//! Lines on stderr.

use std::env;
use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogLevel;

/// Starts logging. `RUST_LOG` (such as `info,signaling=debug`) goes before the
/// setting.
///
/// # Errors
/// `RUST_LOG` is malformed.
pub(crate) fn start(level: LogLevel) -> Result<(), String> {
    let targets = match env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => text
            .parse()
            .map_err(|error| format!("RUST_LOG: {error}; write such as info,signaling=debug"))?,
        _ => Targets::new().with_default(filter(level)),
    };
    tracing_subscriber::registry()
        .with(
            fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(false)
                .with_target(false),
        )
        .with(targets)
        .init();
    Ok(())
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
