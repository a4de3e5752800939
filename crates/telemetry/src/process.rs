//! Numbers about this process, from procfs; absent where there is none.

use std::fmt::Write;
use std::fs;

use crate::metric::{self, METRICS};

/// Kernel ticks per second as procfs shows them: a constant of the Linux interface.
const TICKS_PER_SECOND: u64 = 100;

/// Appends what the process uses now, as Prometheus text.
pub(crate) fn render(out: &mut String) {
    let read = |path| fs::read_to_string(path).ok();
    let cpu = read("/proc/self/stat").and_then(|stat| cpu_ticks(&stat));
    let cpu = cpu.map(|ticks| {
        let (seconds, rest) = (ticks / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND);
        format!("{seconds}.{rest:02}")
    });
    let resident = read("/proc/self/status").and_then(|status| resident(&status));
    let files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    for (name, value) in [
        (metric::PROCESS_CPU, cpu),
        (
            metric::PROCESS_MEMORY,
            resident.map(|bytes| bytes.to_string()),
        ),
        (metric::PROCESS_FILES, files.map(|count| count.to_string())),
    ] {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        if let (Some(metric), Some(value)) = (metric, value) {
            metric.render_head(out);
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name} {value}");
        }
    }
}

/// Fields 14 and 15; the second is a name in parentheses that may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
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
        assert_eq!(cpu_ticks(stat), Some(400));
        assert_eq!(cpu_ticks("7 (a"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    12 kB\n"), Some(12_288));
        assert_eq!(resident("Name:\tx\n"), None);
    }
}
