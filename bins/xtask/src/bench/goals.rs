//! The goals, judged by the least processor time of one run.

use std::fmt;

use super::measure::Measured;
use super::table::{hundredths, thousandths};
use super::targets::{
    CACHED, CHAIN, ENVOY_JWT, FULL, NGINX, PLAIN, PROXY, PROXY_AUTH, STATIC, TRAEFIK,
};

/// How far above its goal a number may be by noise alone, in percent.
const SLACK: u64 = 15;

/// One goal and what was reached.
pub(super) struct Goal {
    row: &'static str,
    unit: Unit,
    most: u64,
    reached: u64,
}

#[derive(Clone, Copy)]
enum Unit {
    /// Hundredths of this row.
    Of(&'static str),
    /// Nanoseconds: told, but no failure. Another machine, or a neighbour, is another number.
    Time,
    /// Bytes for each silent connection.
    Bytes,
    /// KiB of resident memory.
    Kib,
}

const GOALS: [(&str, Unit, u64); 9] = [
    (STATIC, Unit::Of(NGINX), 160),
    (CACHED, Unit::Of(NGINX), 220),
    // The time below, in terms of the floor where it was set: nginx took 2.9 us there.
    (CHAIN, Unit::Of(NGINX), 241),
    (CHAIN, Unit::Time, 7_000),
    (PLAIN, Unit::Of(PROXY), 115),
    (FULL, Unit::Of(PROXY), 150),
    (FULL, Unit::Of(PROXY_AUTH), 65),
    (FULL, Unit::Of(ENVOY_JWT), 25),
    (FULL, Unit::Of(TRAEFIK), 20),
];

/// The goals whose rows were measured.
pub(super) fn judge(measured: &[Measured]) -> Vec<Goal> {
    let cpu = |name: &str| {
        let row = measured.iter().find(|row| row.target.name == name)?;
        Some(row.least_cpu())
    };
    let reached = |row, unit| match unit {
        Unit::Of(other) => (cpu(row)? * 100).checked_div(cpu(other)?),
        Unit::Time => cpu(row),
        Unit::Bytes | Unit::Kib => None,
    };
    GOALS
        .into_iter()
        .filter_map(|(row, unit, most)| {
            Some(Goal {
                row,
                unit,
                most,
                reached: reached(row, unit)?,
            })
        })
        .collect()
}

impl Goal {
    /// At most so many bytes for each silent connection of `row`.
    pub(super) const fn bytes(row: &'static str, reached: u64, most: u64) -> Self {
        Self {
            row,
            unit: Unit::Bytes,
            most,
            reached,
        }
    }

    /// At most so many KiB of resident memory.
    pub(super) const fn kib(row: &'static str, reached: u64, most: u64) -> Self {
        Self {
            row,
            unit: Unit::Kib,
            most,
            reached,
        }
    }

    /// Whether it is met, give or take noise and what cannot be judged.
    pub(super) const fn is_met(&self) -> bool {
        matches!(self.unit, Unit::Time) || self.is_near()
    }

    const fn is_near(&self) -> bool {
        self.reached * 100 <= self.most * (100 + SLACK)
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show: fn(u64) -> String = match self.unit {
            Unit::Of(_) => hundredths,
            Unit::Time => thousandths,
            Unit::Bytes | Unit::Kib => |number| number.to_string(),
        };
        let unit = match self.unit {
            Unit::Of(other) => format!(" x `{other}`"),
            Unit::Time => " us".to_owned(),
            Unit::Bytes => " bytes for each silent connection".to_owned(),
            Unit::Kib => " KiB resident after a long run".to_owned(),
        };
        let verdict = match (self.reached <= self.most, self.is_near()) {
            (true, _) => "met",
            (false, true) => "missed within noise",
            (false, false) => "MISSED",
        };
        let (reached, most) = (show(self.reached), show(self.most));
        write!(f, "{}: {reached}{unit}, goal {most}: {verdict}", self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reached: u64, expected: &str) {
        let goal = Goal {
            row: "x",
            unit: Unit::Of("y"),
            most: 200,
            reached,
        };
        assert_eq!(goal.to_string(), expected);
    }

    #[test]
    fn noise_is_no_failure_but_is_told() {
        check(199, "x: 1.99 x `y`, goal 2.00: met");
        check(230, "x: 2.30 x `y`, goal 2.00: missed within noise");
        check(231, "x: 2.31 x `y`, goal 2.00: MISSED");
    }
}
