//! A process's memory, from `/proc`.

use std::fs;
use std::io;

/// Bytes of a process that are in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    pub resident: u64,
    /// The most there ever was.
    pub peak: u64,
}

impl Memory {
    /// # Errors
    /// The process is gone.
    pub fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            resident: field(&status, "VmRSS:").unwrap_or(0),
            peak: field(&status, "VmHWM:").unwrap_or(0),
        })
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_is_some() {
        let memory = Memory::of(std::process::id()).unwrap();

        assert!(memory.resident > 100_000);
        assert!(memory.peak >= memory.resident);
    }
}
