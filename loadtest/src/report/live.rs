//! The line that shows how a test goes, where somebody looks.

use std::io::{self, IsTerminal, Write};

/// Writes to standard error: over and over on one line of a terminal, else
/// only what is new.
#[derive(Debug)]
pub struct Live {
    is_terminal: bool,
    is_quiet: bool,
}

impl Live {
    pub fn new(is_quiet: bool) -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            is_quiet,
        }
    }

    /// Something that happens once.
    pub fn say(&mut self, text: &str) {
        if self.is_quiet {
            return;
        }
        if self.is_terminal {
            self.update(text);
        } else {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Something that soon is out of date.
    pub fn update(&mut self, text: &str) {
        if self.is_terminal && !self.is_quiet {
            let _ = write!(io::stderr(), "\r\x1b[2K{text}");
        }
    }

    /// Clears the line.
    pub fn done(&mut self) {
        self.update("");
    }
}
