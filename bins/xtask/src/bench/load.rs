//! Load, made by wrk on one thread.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use ztag_test_support::{Failure, locate, workspace};

use super::targets::{Target, Words};

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) requests: u64,
    pub(super) duration: Duration,
    pub(super) median: Duration,
    pub(super) percentile_99: Duration,
}

impl Answers {
    /// Answers for each second.
    pub(super) fn rate(&self) -> u64 {
        let micros = self.duration.as_micros().max(1);
        let rate = u128::from(self.requests) * 1_000_000 / micros;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// Sends requests over `connections` connections for whole seconds.
pub(super) struct Load<'a> {
    pub(super) processor: &'a str,
    pub(super) address: SocketAddr,
    pub(super) target: &'a Target,
}

impl Load<'_> {
    /// Runs it. Any answer that is not a success, and any lost connection, is a failure.
    pub(super) fn run(&self, connections: u32, seconds: u64) -> Result<Answers, Failure> {
        let mut command = Command::new(locate("taskset")?);
        command
            .args(["-c", self.processor])
            .arg(locate("wrk")?)
            .args(["--threads", "1"])
            .args(["--connections", &connections.to_string()])
            .args(["--duration", &format!("{seconds}s")])
            .arg("--script")
            .arg(workspace().join("benches/load/requests.lua"))
            .arg(format!("http://{}{}", self.address, self.target.path));
        if matches!(self.target.words, Words::Traefik) {
            command.args(["--", "traefik"]);
        }
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse(&text).ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            Failure::new(format!("not every answer was a success\n{text}{errors}"))
        })
    }
}

/// Reads the line that `requests.lua` prints; `None` when it tells of errors.
fn parse(text: &str) -> Option<Answers> {
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let numbers: Vec<u64> = line
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    match *numbers.as_slice() {
        [requests, duration, median, percentile_99, 0, 0] if requests > 0 => Some(Answers {
            requests,
            duration: Duration::from_micros(duration),
            median: Duration::from_micros(median),
            percentile_99: Duration::from_micros(percentile_99),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_no_answers() {
        let answers = parse("Running\nRESULT 3000 1000000 40 900 0 0\n").unwrap();
        assert_eq!(answers.rate(), 3_000);
        for bad in [
            "RESULT 3000 1000000 40 900 1 0",
            "RESULT 3000 1000000 40 900 0 1",
            "RESULT 0 1000000 0 0 0 0",
            "unable to connect",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
