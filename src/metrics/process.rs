//! What the process takes of the machine.

use std::fmt;
use std::fs;
use std::io;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The figures that Prometheus's own clients call by these names. One that the
/// system does not tell is left out.
#[derive(Debug)]
pub(super) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        encoder
            .encode_descriptor(
                "process_cpu",
                "Processor time used",
                Some(&Unit::Seconds),
                MetricType::Counter,
            )?
            .encode_counter::<NoLabelSet, _, f64>(&cpu_seconds(), None)?;
        if let Ok(memory) = Memory::read() {
            for (name, help, bytes) in [
                ("process_resident_memory", "Memory in use", memory.resident),
                (
                    "process_virtual_memory",
                    "Memory addressed",
                    memory.addressed,
                ),
            ] {
                encoder
                    .encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?
                    .encode_gauge(&bytes)?;
            }
        }
        let open = open_files().ok();
        let most = getrlimit(Resource::Nofile).current;
        for (name, help, count) in [
            ("process_open_fds", "Files and sockets open", open),
            ("process_max_fds", "Files and sockets allowed", most),
        ] {
            if let Some(count) = count {
                encoder
                    .encode_descriptor(name, help, None, MetricType::Gauge)?
                    .encode_gauge(&count)?;
            }
        }
        Ok(())
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss, reason = "exact for 285 million years")]
    let seconds = time.tv_sec as f64;
    #[allow(clippy::cast_precision_loss, reason = "below a billion")]
    let nanoseconds = time.tv_nsec as f64;
    seconds + nanoseconds / 1e9
}

/// In bytes.
struct Memory {
    addressed: u64,
    resident: u64,
}

impl Memory {
    fn read() -> io::Result<Self> {
        let statm = fs::read_to_string("/proc/self/statm")?;
        let mut pages = statm
            .split(' ')
            .map_while(|field| field.parse::<u64>().ok());
        let mut bytes = || {
            let pages = pages.next().ok_or(io::ErrorKind::InvalidData)?;
            Ok::<_, io::Error>(pages * page_size() as u64)
        };
        Ok(Self {
            addressed: bytes()?,
            resident: bytes()?,
        })
    }
}

fn open_files() -> io::Result<u64> {
    // The folder itself is open while it is read.
    Ok(fs::read_dir("/proc/self/fd")?.count().saturating_sub(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_the_process_takes() {
        let memory = Memory::read().expect("this is Linux");
        assert!(memory.resident > 1_000_000 && memory.addressed > memory.resident);

        let before = open_files().expect("this is Linux");
        let files: Vec<_> = (0..50)
            .map(|_| fs::File::open("/dev/null").expect("it is there"))
            .collect();
        assert!(open_files().expect("this is Linux") >= before + 40);
        drop(files);

        assert!(cpu_seconds() > 0.0);
    }
}
