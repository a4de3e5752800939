//! What the process says to whoever started it.

use std::io::{self, Write};

use ztag_config::{Program, Sources};

/// Exit code for a configuration with errors.
pub(crate) const REFUSED: u8 = 1;

/// Exit code for input that cannot be read; a wrong command line ends with the same.
pub(crate) const UNUSABLE: u8 = 2;

/// Prints a line; a reader that has gone away is no failure of ours.
pub(crate) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
}

/// Tells the person at the terminal.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}

/// Says what is missing where nobody named a file.
pub(crate) fn ask_for_a_file(sources: &Sources) {
    if sources.file.is_some() {
        return;
    }
    complain("no file was named: use `--config FILE`, or the variable `ZTAG_CONFIG`");
    if sources.program == Program::Gateway {
        complain("without one, set `ZTAG_AUTH0_DOMAIN`, `ZTAG_AUDIENCE` and `ZTAG_UPSTREAM`");
    }
}
