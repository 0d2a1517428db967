//! Processor time: a process's from its clock, a core's from `/proc/stat`.

#![allow(unsafe_code, reason = "other processes' clocks have no safe interface")]

use std::fs;
use std::io;
use std::time::Duration;

/// Nanoseconds that something has run since it started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuTime(pub u64);

/// A server's processor time at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuSample {
    /// Of its threads.
    pub process: CpuTime,
    /// Of the kernel's own thread for network work that was put off, on the
    /// server's cores. On loopback it works for the server alone.
    pub softirq_thread: CpuTime,
    /// Of everything that ran on the server's cores.
    pub cores: CpuTime,
}

/// The difference of two samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuUsed {
    /// By the process, a server or our own, with the kernel's work for it.
    pub server: Duration,
    /// By everything on its cores.
    pub cores: Duration,
}

impl CpuSample {
    /// Reads the clocks of process `pid`, which runs on `cores`.
    ///
    /// # Errors
    /// The process is gone.
    pub fn take(pid: u32, cores: &[usize]) -> io::Result<Self> {
        let softirq = cores.iter().filter_map(|core| softirq_thread(*core));
        Ok(Self {
            process: process_time(pid)?,
            softirq_thread: CpuTime(softirq.map(|time| time.0).sum()),
            cores: core_time(cores)?,
        })
    }

    pub fn since(&self, before: &Self) -> CpuUsed {
        let nanoseconds = |now: CpuTime, then: CpuTime| now.0.saturating_sub(then.0);
        let server = nanoseconds(self.process, before.process)
            + nanoseconds(self.softirq_thread, before.softirq_thread);
        CpuUsed {
            server: Duration::from_nanos(server),
            cores: Duration::from_nanos(nanoseconds(self.cores, before.cores)),
        }
    }
}

/// The time of all threads that the process has and had.
///
/// # Errors
/// The process is gone.
pub fn process_time(pid: u32) -> io::Result<CpuTime> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut clock = 0;
    // SAFETY: the clock's number outlives the call.
    let result = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if result != 0 {
        return Err(io::Error::from_raw_os_error(result));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time outlives the call.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let nanoseconds = time.tv_sec * 1_000_000_000 + time.tv_nsec;
    Ok(CpuTime(u64::try_from(nanoseconds).unwrap_or(0)))
}

/// What the calling thread has run so far.
pub fn thread_time() -> CpuTime {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time outlives the call. A thread always has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    CpuTime(u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or(0))
}

fn softirq_thread(core: usize) -> Option<CpuTime> {
    let name = format!("ksoftirqd/{core}");
    for pid in kernel_threads()? {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if comm.trim_end() == name {
            let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
            return Some(CpuTime(first_number(&text)));
        }
    }
    None
}

/// The children of `kthreadd`, which is process 2; in a container there are
/// none to be seen.
fn kernel_threads() -> Option<Vec<u32>> {
    let children = fs::read_to_string("/proc/2/task/2/children").ok()?;
    Some(
        children
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect(),
    )
}

/// What `/proc/stat` counts as busy, of all `cores` together.
fn core_time(cores: &[usize]) -> io::Result<CpuTime> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks: u64 = cores
        .iter()
        .filter_map(|core| busy_ticks(&text, *core))
        .sum();
    Ok(CpuTime(ticks * NANOSECONDS_A_TICK))
}

/// User, nice, system, interrupts and stolen time of one core; not idle time
/// nor waiting for disks.
fn busy_ticks(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core}");
    let line = stat
        .lines()
        .find(|line| line.split_ascii_whitespace().next() == Some(&name))?;
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _idle, _waiting, irq, softirq, ..] = fields[..] else {
        return None;
    };
    Some(user + nice + system + irq + softirq)
}

fn first_number(text: &str) -> u64 {
    text.split_ascii_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// `/proc/stat` counts in `USER_HZ`, which is 100 on every architecture we
/// build for.
const NANOSECONDS_A_TICK: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use std::process;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_busy_thread_is_charged_to_its_process() {
        let before = process_time(process::id()).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let after = process_time(process::id()).unwrap();

        // Others may have taken the core meanwhile.
        assert!(after.0 > before.0 + 1_000_000);
    }

    #[test]
    fn a_cores_line_is_not_mistaken_for_anothers() {
        let stat = "cpu  9 9 9 9 9 9 9\ncpu1 1 2 3 1000 1000 4 5 6\ncpu10 7 7 7 7 7 7 7\n";

        assert_eq!(busy_ticks(stat, 1), Some(15));
        assert_eq!(busy_ticks(stat, 10), Some(35));
        assert_eq!(busy_ticks(stat, 2), None);
    }
}
