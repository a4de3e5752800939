//! How the released programs are laid out: what was ever called lies together, most called first, and what
//! was not stays on disk. A program takes as much memory as the pages that it touches.

use std::fs;
use std::path::Path;
use std::process::Command;

use ztag_test_support::Failure;

/// Where the compiler brings the linker that knows the flags.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// More functions than any program has.
const ALL: &str = "--topn=1000000";

/// The flags for what the profile says was called; none where the linker is another one. `order` is
/// written for them.
pub(super) fn flags(
    tool: &Path,
    profile: &Path,
    order: &Path,
    host: &str,
) -> Result<Vec<String>, Failure> {
    if host != HOST {
        return Ok(Vec::new());
    }
    let mut show = Command::new(tool);
    let output = show.args(["show", ALL]).arg(profile).output()?;
    let shown = String::from_utf8_lossy(&output.stdout);
    let names = called(&shown);
    if names.is_empty() {
        return Err(Failure::new("the profile names nothing that was called"));
    }
    fs::write(order, names.join("\n"))?;
    let linker = |flag: &str| format!("-Clink-arg=-Wl,{flag}");
    Ok(vec![
        // Blocks that never ran are cut out of functions that did.
        "-Cllvm-args=-enable-split-machine-functions".into(),
        "-Cllvm-args=-mfs-psi-cutoff=0".into(),
        linker(&format!("--symbol-ordering-file={}", order.display())),
        // What became part of its callers is nowhere.
        linker("--no-warn-symbol-ordering"),
        // A twentieth of the table of addresses that are not known before the start.
        linker("-z,pack-relative-relocs"),
    ])
}

/// What was called, most called first. The tool puts the file before a name that others may have, too.
fn called(shown: &str) -> Vec<&str> {
    let lines = shown
        .lines()
        .filter_map(|line| line.split_once(", max count = "));
    let called = lines.filter(|(_, count)| *count != "0");
    let names = called.map(|(name, _)| name.rsplit(';').next().unwrap_or(name));
    names.map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_is_named() {
        let shown = "Instrumentation level: IR\nTotal functions: 3\n\
            Top 3 functions with the largest internal block counts: \n  \
            hyper.41-cgu.0;_ZN4http4hash17hab8E, max count = 664\n  _ZN4core3fmtE, max count = 1\n  \
            _ZN4seldomE, max count = 0\n";
        assert_eq!(called(shown), ["_ZN4http4hash17hab8E", "_ZN4core3fmtE"]);
        assert!(called("Total functions: 0\n").is_empty());
    }
}
