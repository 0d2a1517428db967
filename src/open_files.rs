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
    if let Some(shortage) = shortage(getrlimit(Resource::Nofile).current, needed) {
        tracing::warn!("{shortage}");
    }
}

/// What is amiss, and the mend, if fewer are `allowed` than `needed`.
pub(crate) fn shortage(allowed: Option<u64>, needed: u64) -> Option<String> {
    let allowed = allowed.filter(|allowed| *allowed < needed)?;
    Some(format!(
        "{allowed} open files are allowed, and a full server may need {needed}; set \
         LimitNOFILE={needed} in the service's unit, --ulimit nofile={needed} for a container, \
         or lower limits.participants and turn.connections"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_one_line_with_its_mend() {
        assert_eq!(shortage(None, 26_500), None);
        assert_eq!(shortage(Some(26_500), 26_500), None);
        let text = shortage(Some(4096), 26_500).expect("too few");
        assert!(
            text.starts_with("4096 open files") && !text.contains('\n'),
            "{text}"
        );
        assert!(text.contains("LimitNOFILE=26500"), "{text}");
    }

    #[test]
    fn all_that_the_system_allows_is_taken() {
        allow(0);

        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
