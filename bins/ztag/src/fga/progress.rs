//! How far a long command is, for those who watch it.

use std::io::{self, IsTerminal, Write};

/// Columns of a full bar.
const WIDTH: usize = 30;

/// A bar on standard error, where that is a terminal; nothing elsewhere.
#[derive(Debug)]
pub(super) struct Progress {
    total: Option<usize>,
    is_shown: bool,
}

impl Progress {
    /// Towards `total`, if that is known.
    pub(super) fn towards(total: Option<usize>) -> Self {
        Self {
            total,
            is_shown: io::stderr().is_terminal(),
        }
    }

    /// `done` of them are done.
    pub(super) fn show(&self, done: usize) {
        if self.is_shown {
            let text = line(done, self.total);
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

fn line(done: usize, total: Option<usize>) -> String {
    let Some(total) = total else {
        return format!("{done} tuples");
    };
    let filled = (done * WIDTH)
        .checked_div(total)
        .unwrap_or(WIDTH)
        .min(WIDTH);
    let (full, empty) = ("#".repeat(filled), "-".repeat(WIDTH - filled));
    format!("[{full}{empty}] {done}/{total} tuples")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn bars() {
        assert_eq!(line(7, None), "7 tuples");
        let half = format!("[{}{}] 5/10 tuples", "#".repeat(15), "-".repeat(15));
        assert_eq!(line(5, Some(10)), half);
        assert_eq!(line(0, Some(0)), format!("[{}] 0/0 tuples", "#".repeat(30)));
    }
}
