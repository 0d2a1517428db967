//! What the system says of this process. Where there is no `/proc` it says
//! nothing.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Memory in use, in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// A thread, to be watched from another one.
pub(crate) struct Thread(Option<PathBuf>);

impl Thread {
    pub(crate) fn current() -> Self {
        let link = fs::read_link("/proc/thread-self").ok();
        Self(link.map(|thread| PathBuf::from("/proc").join(thread).join("stat")))
    }

    /// The time it has computed for.
    pub(crate) fn busy(&self) -> Option<Duration> {
        let stat = fs::read_to_string(self.0.as_ref()?).ok()?;
        // The thread's name, in brackets, may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_ascii_whitespace().skip(11);
        let user: u64 = times.next()?.parse().ok()?;
        let system: u64 = times.next()?.parse().ok()?;
        Some(Duration::from_millis(10 * (user + system)))
    }
}
