//! What processes hold: memory and open files, as the Linux kernel tells.

use std::fmt;
use std::fs;
use std::time::Duration;

/// Memory may grow by this much a minute, in KiB: what two fits of the same flat series differ by.
const MOST_GROWTH: f64 = 256.0;

/// A process that is looked at once a second.
pub(super) struct Subject {
    name: &'static str,
    process: u32,
    samples: Vec<Sample>,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    /// Resident memory in KiB.
    resident: u32,
    files: usize,
}

impl Subject {
    pub(super) fn new(name: &'static str, process: u32) -> Self {
        Self {
            name,
            process,
            samples: Vec::new(),
        }
    }

    /// Looks at it; `at` is the time since the beginning.
    pub(super) fn look(&mut self, at: Duration) {
        let folder = format!("/proc/{}", self.process);
        let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.trim().split(' ').next()?.parse().ok());
        let files = fs::read_dir(format!("{folder}/fd")).map(Iterator::count);
        if let (Some(resident), Ok(files)) = (resident, files) {
            self.samples.push(Sample {
                at,
                resident,
                files,
            });
        }
    }

    /// What is wrong with it, judged by what follows the warm-up.
    pub(super) fn fault(&self, warm_up: Duration) -> Option<String> {
        let growth = self.growth(warm_up);
        let name = self.name;
        match growth {
            None => Some(format!("{name}: memory is not known")),
            Some(growth) if growth > MOST_GROWTH => Some(format!(
                "{name}: memory grows by {growth:.0} KiB a minute, more than {MOST_GROWTH}"
            )),
            Some(_) => None,
        }
    }

    /// Growth in KiB a minute: the slope of the line with the least squares.
    fn growth(&self, from: Duration) -> Option<f64> {
        let points = self.samples.iter().filter(|sample| sample.at >= from);
        let points =
            points.map(|sample| (sample.at.as_secs_f64() / 60.0, f64::from(sample.resident)));
        slope(points)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) else {
            return writeln!(f, "{}: nothing known", self.name);
        };
        let middle = self.samples.get(self.samples.len() / 2).unwrap_or(first);
        let most = self.samples.iter().map(|sample| sample.files).max();
        let mebibytes = |sample: &Sample| f64::from(sample.resident) / 1024.0;
        writeln!(
            f,
            "{}: memory {:.1} MiB at first, {:.1} half-way, {:.1} at the end; {:.0} KiB a minute over \
             the second half; open files {} at the most, {} at the end",
            self.name,
            mebibytes(first),
            mebibytes(middle),
            mebibytes(last),
            self.growth(middle.at).unwrap_or(f64::NAN),
            most.unwrap_or(0),
            last.files,
        )
    }
}

fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let count = f64::from(u32::try_from(points.clone().count()).ok()?);
    let (sum_x, sum_y) = points
        .clone()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (with, squares) = points.fold((0.0, 0.0), |(with, squares), (x, y)| {
        let off = x - mean_x;
        (off.mul_add(y - mean_y, with), off.mul_add(off, squares))
    });
    (squares > 0.0).then(|| with / squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_seen_and_noise_is_not() {
        let series = |step: u32| {
            let mut subject = Subject::new("it", std::process::id());
            for second in 0..120 {
                subject.samples.push(Sample {
                    at: Duration::from_secs(second.into()),
                    resident: 10_000 + second * step + second % 7,
                    files: 3,
                });
            }
            subject
        };
        assert!(series(0).fault(Duration::from_mins(1)).is_none());
        assert!(series(10).fault(Duration::from_mins(1)).is_some());
        assert!(series(0).fault(Duration::from_hours(1)).is_some());
    }

    #[test]
    fn sees_this_process() {
        let mut subject = Subject::new("it", std::process::id());
        subject.look(Duration::ZERO);
        assert!(subject.samples[0].resident > 100 && subject.samples[0].files > 2);
    }
}
