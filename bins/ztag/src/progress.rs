//! How far a long command is, for those who watch it.

use std::io::{self, IsTerminal, Write};

/// Columns of a full bar.
const WIDTH: usize = 30;

/// A bar on standard error, where that is a terminal; nothing elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    total: Option<usize>,
    /// What is counted, such as `tuples`.
    what: &'static str,
    is_shown: bool,
}

impl Progress {
    /// Towards `total`, if that is known.
    pub(crate) fn towards(total: Option<usize>, what: &'static str) -> Self {
        Self {
            total,
            what,
            is_shown: io::stderr().is_terminal(),
        }
    }

    /// `done` of them are done.
    pub(crate) fn show(&self, done: usize) {
        if self.is_shown {
            let text = line(done, self.total, self.what);
            // Where the terminal is gone there is nobody to show it to.
            let _ = write!(io::stderr(), "\r{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = writeln!(io::stderr());
        }
    }
}

fn line(done: usize, total: Option<usize>, what: &str) -> String {
    let Some(total) = total else {
        return format!("{done} {what}");
    };
    let filled = (done * WIDTH)
        .checked_div(total)
        .unwrap_or(WIDTH)
        .min(WIDTH);
    let (full, empty) = ("#".repeat(filled), "-".repeat(WIDTH - filled));
    format!("[{full}{empty}] {done}/{total} {what}")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn bars() {
        assert_eq!(line(7, None, "lines"), "7 lines");
        let half = format!("[{}{}] 5/10 texts", "#".repeat(15), "-".repeat(15));
        assert_eq!(line(5, Some(10), "texts"), half);
        let none = format!("[{}] 0/0 texts", "#".repeat(30));
        assert_eq!(line(0, Some(0), "texts"), none);
    }
}
