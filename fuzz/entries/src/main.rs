//! Runs campaigns: `fuzz-entries [entry…]`, all of them when none is named,
//! or `fuzz-entries replay <entry> <file>…`.
//!
//! `FUZZ_INPUTS` (10 million), `FUZZ_SEED` (0) and `FUZZ_FIRST_ROUND` (0) say
//! how long, and which inputs.

use std::process::ExitCode;
use std::{env, fs};

use fuzz_entries::campaign::{self, Report, Settings};
use fuzz_entries::{ENTRIES, Entry, entry};

/// Bytes that an allocator may take or lose over millions of inputs.
const MOST_GROWTH: u64 = 16 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let done = match words.split_first() {
        Some((first, rest)) if first == "replay" => replay(rest),
        _ => run(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(names: &[String]) -> Result<(), String> {
    let entries = if names.is_empty() {
        ENTRIES.iter().collect()
    } else {
        names
            .iter()
            .map(|name| find(name))
            .collect::<Result<Vec<_>, _>>()?
    };
    let settings = Settings {
        inputs: setting("FUZZ_INPUTS", 10_000_000)?,
        seed: setting("FUZZ_SEED", 0)?,
        first_round: setting("FUZZ_FIRST_ROUND", 0)?,
        most_growth: MOST_GROWTH,
    };
    for entry in entries {
        let report = campaign::run(entry, settings).map_err(|failure| failure.to_string())?;
        print(entry, &report);
    }
    Ok(())
}

fn replay(words: &[String]) -> Result<(), String> {
    let (name, files) = words
        .split_first()
        .ok_or("replay what? name an entry and files")?;
    let entry = find(name)?;
    for file in files {
        let input = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        (entry.run)(&input);
        println!("{file}: {} bytes taken", input.len());
    }
    (entry.reset)();
    Ok(())
}

fn print(entry: &Entry, report: &Report) {
    let milliseconds = report.elapsed.as_millis().max(1);
    print!(
        "{:<20} {:>9} inputs, {:>6} MB, {:>5} s, {:>7}/s, slowest {:>6} µs",
        entry.name,
        report.inputs,
        report.bytes / 1_000_000,
        report.elapsed.as_secs(),
        u128::from(report.inputs) * 1000 / milliseconds,
        report.slowest.as_micros(),
    );
    match report.resident {
        Some((before, after)) => println!(", memory {} to {} KB", before / 1024, after / 1024),
        None => println!(),
    }
    if let Some(file) = &report.slow {
        println!("    the slowest input: {}", file.display());
    }
}

fn find(name: &str) -> Result<&'static Entry, String> {
    let names: Vec<_> = ENTRIES.iter().map(|entry| entry.name).collect();
    entry(name).ok_or_else(|| format!("there is no entry {name}, but {}", names.join(", ")))
}

fn setting(name: &str, default: u64) -> Result<u64, String> {
    match env::var(name) {
        Err(_) => Ok(default),
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{name} must be a whole number, not {text}")),
    }
}
