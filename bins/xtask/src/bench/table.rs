//! The results for people.

use std::fmt::Write as _;

use super::measure::{Measured, micros};

/// One line for each row; ratios compare the least processor time with that of the row's floor.
pub(super) fn render(measured: &[Measured]) -> String {
    let mut text = format!(
        "\n{:<38} {:>8} {:>8} {:>6} {:>9} {:>7} {:>7} {:>6}\n",
        "", "CPU us", "CPU us", "ratio", "requests", "p50 us", "p99 us", "RSS"
    );
    let _ = writeln!(
        text,
        "{:<38} {:>8} {:>8} {:>6} {:>9} {:>7} {:>7} {:>6}",
        "", "min", "median", "(min)", "per s", "c=4", "c=4", "MiB"
    );
    for row in measured {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{:<38} {:>8} {:>8} {:>6} {:>9} {:>7} {:>7} {:>6}",
            row.target.name,
            thousandths(row.least_cpu()),
            thousandths(row.median_cpu()),
            ratio(row, measured).map_or_else(|| "-".to_owned(), hundredths),
            row.best_rate(),
            micros(row.median_latency()),
            micros(row.percentile_99()),
            row.resident() / 1024,
        );
    }
    text
}

/// The least processor time of `row` in hundredths of that of its floor.
pub(super) fn ratio(row: &Measured, measured: &[Measured]) -> Option<u64> {
    let floor = measured
        .iter()
        .find(|other| other.target.name == row.target.floor)?;
    (row.least_cpu() * 100).checked_div(floor.least_cpu())
}

/// Nanoseconds as microseconds.
pub(super) fn thousandths(nanos: u64) -> String {
    format!("{}.{:02}", nanos / 1_000, nanos % 1_000 / 10)
}

pub(super) fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_two_digits_after_the_point() {
        assert_eq!(thousandths(4_071), "4.07");
        assert_eq!(hundredths(205), "2.05");
    }
}
