//! What a check found: a line for the operator.

use std::fmt;
use std::io::{self, Write};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Ok,
    /// The server runs, and somebody may be worse off.
    Warn,
    /// The server does not start, or people cannot come in.
    Fail,
    /// What cannot be known here.
    Note,
}

/// One line: how bad it is, what was looked at, what was seen and the mend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    subject: &'static str,
    text: String,
}

impl Finding {
    pub(super) fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, subject, text)
    }

    pub(super) fn warn(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, subject, text)
    }

    pub(super) fn fail(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, subject, text)
    }

    pub(super) fn note(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(Verdict::Note, subject, text)
    }

    fn new(verdict: Verdict, subject: &'static str, text: impl Into<String>) -> Self {
        // A file's name may hold anything, and a finding is one line.
        let text = text.into().replace(char::is_control, " ");
        Self {
            verdict,
            subject,
            text,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
            Verdict::Note => "note",
        };
        write!(f, "{verdict:<4}  {:<14}  {}", self.subject, self.text)
    }
}

/// Writes findings as they come, and counts them.
#[derive(Default, Debug)]
pub(super) struct Report {
    checks: usize,
    failures: usize,
}

impl Report {
    pub(super) fn add(&mut self, finding: &Finding) {
        self.checks += usize::from(finding.verdict != Verdict::Note);
        self.failures += usize::from(finding.verdict == Verdict::Fail);
        // Whoever reads no further still gets the exit status.
        let _ = writeln!(io::stdout(), "{finding}");
    }

    /// # Errors
    /// A check failed.
    pub(super) fn result(&self) -> Result<(), String> {
        match self.failures {
            0 => Ok(()),
            failures => Err(format!("{failures} of {} checks failed", self.checks)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_a_file_is_called() {
        let finding = Finding::warn("store", "a\nb\u{1b}[31m");

        assert_eq!(finding.to_string(), "warn  store           a b [31m");
    }

    #[test]
    fn only_failures_fail() {
        let mut report = Report::default();
        report.add(&Finding::ok("a", ""));
        report.add(&Finding::warn("b", ""));
        report.add(&Finding::note("c", ""));
        assert_eq!(report.result(), Ok(()));

        report.add(&Finding::fail("d", ""));

        assert_eq!(report.result(), Err("1 of 3 checks failed".into()));
    }
}
