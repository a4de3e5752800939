//! Numbers about this process, from procfs; absent where there is none.

use std::fs;

/// Kernel ticks per second as procfs shows them: a constant of the Linux interface.
const TICKS_PER_SECOND: u64 = 100;

/// What the process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Whole seconds of processor time, in user and kernel mode.
    pub(crate) cpu_seconds: Option<u64>,
    /// Bytes resident.
    pub(crate) resident: Option<u64>,
    /// Files and sockets open.
    pub(crate) files: Option<u64>,
}

/// Reads it now.
pub(crate) fn usage() -> Usage {
    let read = |path| fs::read_to_string(path).ok();
    let files = fs::read_dir("/proc/self/fd").ok();
    Usage {
        cpu_seconds: read("/proc/self/stat").and_then(|stat| cpu_seconds(&stat)),
        resident: read("/proc/self/status").and_then(|status| resident(&status)),
        files: files.and_then(|files| u64::try_from(files.count()).ok()),
    }
}

/// Fields 14 and 15; the second is a name in parentheses that may hold anything.
fn cpu_seconds(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some((user + kernel) / TICKS_PER_SECOND)
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0";
        assert_eq!(cpu_seconds(stat), Some(4));
        assert_eq!(cpu_seconds("7 (a"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    12 kB\n"), Some(12_288));
        assert_eq!(resident("Name:\tx\n"), None);
    }
}
