//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the system allows: what it starts a process with
/// is often 1,024. Warns if that is fewer than `needed`.
pub(crate) fn allow(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Whatever it is then, it is read below.
    let _ = setrlimit(Resource::Nofile, raised);
    if let Some(allowed) = getrlimit(Resource::Nofile).current
        && allowed < needed
    {
        tracing::warn!(
            allowed,
            needed,
            "limits.participants, limits.unjoined_connections and turn.connections may need \
             more open files than the system allows; raise its limit (LimitNOFILE, ulimit -n) or lower these"
        );
    }
}
