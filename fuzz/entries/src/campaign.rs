//! Many inputs through one entry, watched for panics, hangs and growth.

use std::cell::Cell;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use crate::minimise::minimise;
use crate::mutation::{Mutator, Random};
use crate::process::{Thread, resident_bytes};
use crate::{Entry, seeds};

/// How long to go on, and where to start. The same settings give the same
/// inputs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub inputs: u64,
    pub seed: u64,
    /// Rounds of [`ROUND`] inputs to leave out.
    pub first_round: u64,
    /// Bytes that the process may grow by after a tenth of the inputs.
    pub most_growth: u64,
}

/// What a campaign without failure came to.
#[derive(Clone, Debug)]
pub struct Report {
    pub inputs: u64,
    pub bytes: u64,
    pub elapsed: Duration,
    pub slowest: Duration,
    /// The file that holds the slowest input, if that took longer than
    /// [`SLOW`].
    pub slow: Option<PathBuf>,
    /// Memory in use after a tenth of the inputs, and at the end.
    pub resident: Option<(u64, u64)>,
}

/// What went wrong.
#[derive(Debug)]
pub enum Failure {
    Seeds(io::Error),
    /// An input panicked. The file holds it, made small when it fails alone.
    Panic {
        entry: &'static str,
        seed: u64,
        round: u64,
        is_alone: bool,
        file: PathBuf,
    },
    /// Memory grew by more than the settings allow.
    Growth {
        entry: &'static str,
        before: u64,
        after: u64,
    },
}

/// Runs an entry's seeds, and then mutations of them.
///
/// The process ends when an input takes more than [`LONGEST`] to compute.
///
/// # Errors
/// The first failure.
pub fn run(entry: &'static Entry, settings: Settings) -> Result<Report, Failure> {
    let kept = seeds::read(entry).map_err(Failure::Seeds)?;
    let watch = Watch::new(entry);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| watch.until(&is_done));
        let result = run_watched(entry, settings, &kept, &watch);
        is_done.store(true, Ordering::Relaxed);
        result
    })
}

fn run_watched(
    entry: &'static Entry,
    settings: Settings,
    kept: &[Vec<u8>],
    watch: &Watch,
) -> Result<Report, Failure> {
    let start = Instant::now();
    let mut report = Report {
        inputs: 0,
        bytes: 0,
        elapsed: Duration::ZERO,
        slowest: Duration::ZERO,
        slow: None,
        resident: None,
    };
    let mut before = None;
    let mut slow = Slow::default();
    let mut input = Vec::new();
    for round in settings.first_round.. {
        let seeds = if round == 0 { kept } else { &[] };
        let mut mutator = Mutator::new(kept, entry.dictionary, Random::new(settings.seed, round));
        for index in 0..ROUND {
            if report.inputs == settings.inputs.max(seeds.len() as u64) {
                break;
            }
            match seeds.get(index) {
                Some(seed) => seed.clone_into(&mut input),
                None => mutator.next_input(&mut input),
            }
            watch.begin(&input);
            let began = Instant::now();
            if panic::catch_unwind(AssertUnwindSafe(|| (entry.run)(&input))).is_err() {
                watch.stop();
                return Err(keep(entry, settings.seed, round, &input));
            }
            let took = began.elapsed();
            if took > slow.took {
                slow.took = took;
                input.clone_into(&mut slow.input);
            }
            report.inputs += 1;
            report.bytes += input.len() as u64;
        }
        watch.begin(&[]);
        if panic::catch_unwind(entry.reset).is_err() {
            watch.stop();
            return Err(keep(entry, settings.seed, round, &input));
        }
        slow.take_again(entry);
        if slow.took > report.slowest {
            report.slowest = slow.took;
            if slow.took > SLOW {
                report.slow = Some(write(entry, "slow", &slow.input));
            }
        }
        slow.took = Duration::ZERO;
        if before.is_none() && report.inputs >= settings.inputs / 10 {
            before = resident_bytes();
        }
        if report.inputs >= settings.inputs {
            break;
        }
    }
    watch.stop();
    report.elapsed = start.elapsed();
    report.resident = before.zip(resident_bytes());
    match report.resident {
        Some((before, after)) if after > before + settings.most_growth => Err(Failure::Growth {
            entry: entry.name,
            before,
            after,
        }),
        _ => Ok(report),
    }
}

/// The slowest input of a round.
#[derive(Default)]
struct Slow {
    input: Vec<u8>,
    took: Duration,
}

impl Slow {
    /// What took long only because the machine had other work does not do so
    /// each time.
    fn take_again(&mut self, entry: &Entry) {
        for _ in 0..3 {
            (entry.run)(&[]);
            let began = Instant::now();
            (entry.run)(&self.input);
            self.took = self.took.min(began.elapsed());
            (entry.reset)();
        }
    }
}

/// Writes the input that failed to a file.
fn keep(entry: &'static Entry, seed: u64, round: u64, input: &[u8]) -> Failure {
    let quiet = Quiet::begin();
    let fails = |input: &[u8]| {
        panic::catch_unwind(AssertUnwindSafe(|| {
            (entry.reset)();
            (entry.run)(input);
            (entry.reset)();
        }))
        .is_err()
    };
    let is_alone = fails(input);
    let kept = if is_alone {
        minimise(input, fails)
    } else {
        input.to_vec()
    };
    drop(quiet);
    Failure::Panic {
        entry: entry.name,
        seed,
        round,
        is_alone,
        file: write(entry, "panic", &kept),
    }
}

/// While it lives, this thread's panics print nothing.
struct Quiet;

thread_local!(static IS_QUIET: Cell<bool> = const { Cell::new(false) });

impl Quiet {
    fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let loud = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                if !IS_QUIET.get() {
                    loud(panic);
                }
            }));
        });
        IS_QUIET.set(true);
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        IS_QUIET.set(false);
    }
}

fn write(entry: &Entry, kind: &str, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let folder = seeds::folder("artifacts", entry);
    let file = folder.join(format!("{kind}-{:016x}", hasher.finish()));
    if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input)) {
        eprintln!("{} is not written: {error}", file.display());
    }
    file
}

/// Notices inputs that take too long.
struct Watch {
    entry: &'static Entry,
    thread: Thread,
    input: Mutex<Vec<u8>>,
    /// Counts inputs; zero when none is running.
    number: AtomicU64,
}

impl Watch {
    fn new(entry: &'static Entry) -> Self {
        Self {
            entry,
            thread: Thread::current(),
            input: Mutex::default(),
            number: AtomicU64::new(0),
        }
    }

    fn begin(&self, input: &[u8]) {
        input.clone_into(&mut self.input.lock().unwrap_or_else(PoisonError::into_inner));
        self.number.fetch_add(1, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.number.store(0, Ordering::Relaxed);
    }

    fn until(&self, is_done: &AtomicBool) {
        let mut seen = 0;
        let mut since = (Instant::now(), self.thread.busy());
        while !is_done.load(Ordering::Relaxed) {
            thread::sleep(PERIOD);
            let number = self.number.load(Ordering::Relaxed);
            let busy = self.thread.busy();
            if number != seen || number == 0 {
                seen = number;
                since = (Instant::now(), busy);
                continue;
            }
            // On a busy machine a thread may wait for its turn for long.
            let computed = busy
                .zip(since.1)
                .map(|(now, then)| now.saturating_sub(then));
            if computed.is_some_and(|time| time > LONGEST) || since.0.elapsed() > LONGEST_WAIT {
                let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
                let file = write(self.entry, "hang", &input);
                eprintln!("{} hangs: {}", self.entry.name, file.display());
                process::exit(1);
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seeds(error) => write!(f, "the seeds cannot be read: {error}"),
            Self::Panic {
                entry,
                seed,
                round,
                is_alone,
                file,
            } => {
                write!(f, "{entry} panics: {}", file.display())?;
                if !is_alone {
                    write!(
                        f,
                        " after what came before it: FUZZ_SEED={seed} FUZZ_FIRST_ROUND={round} FUZZ_INPUTS={ROUND}"
                    )?;
                }
                Ok(())
            }
            Self::Growth {
                entry,
                before,
                after,
            } => write!(f, "{entry} grows: from {before} to {after} bytes"),
        }
    }
}

impl std::error::Error for Failure {}

/// Inputs between two resets, after which nothing is left of them.
pub const ROUND: usize = 10_000;
/// Of computing, for one input.
pub const LONGEST: Duration = Duration::from_secs(1);
/// Not yet a hang, but worth a look.
pub const SLOW: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
const PERIOD: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Settings = Settings {
        inputs: 5_000,
        seed: 3,
        first_round: 0,
        most_growth: 16 << 20,
    };

    #[test]
    fn an_input_that_panics_is_found_and_made_small() {
        static ENTRY: Entry = Entry {
            name: "rtp",
            run: |data| assert!(!data.contains(&0xC3), "as meant"),
            reset: || {},
            dictionary: &[],
        };

        let failure = run(&ENTRY, SHORT).expect_err("it panics");

        let Failure::Panic { is_alone, file, .. } = failure else {
            panic!("{failure}");
        };
        assert!(is_alone);
        assert_eq!(fs::read(&file).expect("it was kept"), [0xC3]);
        fs::remove_file(file).expect("it is there");
    }

    #[test]
    fn a_failure_that_needs_earlier_inputs_is_told_from_others() {
        thread_local!(static SEEN: Cell<u32> = const { Cell::new(0) });
        static ENTRY: Entry = Entry {
            name: "rtp",
            run: |_| {
                SEEN.set(SEEN.get() + 1);
                assert!(SEEN.get() < 1_000, "as meant");
            },
            reset: || SEEN.set(0),
            dictionary: &[],
        };

        let failure = run(&ENTRY, SHORT).expect_err("it panics");

        let Failure::Panic { is_alone, file, .. } = &failure else {
            panic!("{failure}");
        };
        assert!(!is_alone);
        assert!(failure.to_string().contains("FUZZ_SEED=3"), "{failure}");
        fs::remove_file(file).expect("it is there");
    }

    #[test]
    fn what_a_reset_finds_left_behind_is_a_failure() {
        static ENTRY: Entry = Entry {
            name: "rtcp",
            run: |_| {},
            reset: || panic!("as meant"),
            dictionary: &[],
        };

        let failure = run(&ENTRY, SHORT).expect_err("it panics");

        let Failure::Panic { file, .. } = failure else {
            panic!("{failure}");
        };
        fs::remove_file(file).expect("it is there");
    }

    #[test]
    fn an_input_that_hangs_ends_the_process() {
        let test = "campaign::tests::hangs";
        let program = std::env::current_exe().expect("this program");
        let output = process::Command::new(program)
            .args(["--exact", test, "--ignored", "--nocapture"])
            .output()
            .expect("it runs");

        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let (_, file) = said.split_once("session_description hangs: ").expect(&said);
        fs::remove_file(file.trim()).expect("it was kept");
    }

    #[test]
    #[ignore = "it hangs"]
    fn hangs() {
        static ENTRY: Entry = Entry {
            name: "session_description",
            run: |data| while data.first() == Some(&b'v') {},
            reset: || {},
            dictionary: &[],
        };

        let _ = run(&ENTRY, SHORT);
    }

    #[test]
    fn growth_is_a_failure() {
        thread_local!(static KEPT: Cell<Vec<Vec<u8>>> = const { Cell::new(Vec::new()) });
        static ENTRY: Entry = Entry {
            name: "stun",
            run: |_| {
                let mut kept = KEPT.take();
                kept.push(vec![1; 8 * 1024]);
                KEPT.set(kept);
            },
            reset: || {},
            dictionary: &[],
        };
        let long = Settings {
            inputs: 20_000,
            ..SHORT
        };

        let failure = run(&ENTRY, long).expect_err("it grows");

        assert!(matches!(failure, Failure::Growth { .. }), "{failure}");
    }
}
