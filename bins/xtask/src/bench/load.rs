//! Load, made by wrk on one thread.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ztag_test_support::{Failure, locate, workspace};

use super::targets::{Protocol, Target, Words};

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
    /// A file of signed tokens, one on each line.
    pub(super) tokens: &'a Path,
    /// How many of them are used in turn.
    pub(super) count: usize,
}

impl Load<'_> {
    /// Runs it. Any answer that is not a success, and any lost connection, is a failure.
    pub(super) fn run(&self, connections: u32, seconds: u64) -> Result<Answers, Failure> {
        let mut command = Command::new(locate("taskset")?);
        command.args(["-c", self.processor]);
        match self.target.protocol {
            Protocol::Http1 | Protocol::Tls => self.wrk(&mut command, connections, seconds)?,
            Protocol::Http2 => self.h2load(&mut command, connections, seconds)?,
        }
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let answers = match self.target.protocol {
            Protocol::Http1 | Protocol::Tls => parse(&text),
            Protocol::Http2 => parse_h2load(&text, Duration::from_secs(seconds)),
        };
        answers.ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            Failure::new(format!("not every answer was a success\n{text}{errors}"))
        })
    }

    fn wrk(&self, command: &mut Command, connections: u32, seconds: u64) -> Result<(), Failure> {
        let scheme = match self.target.protocol {
            Protocol::Http1 => "http",
            Protocol::Tls | Protocol::Http2 => "https",
        };
        command
            .arg(locate("wrk")?)
            .args(["--threads", "1"])
            .args(["--connections", &connections.to_string()])
            .args(["--duration", &format!("{seconds}s")])
            .arg("--script")
            .arg(workspace().join("benches/load/requests.lua"))
            .arg(format!("{scheme}://{}{}", self.address, self.target.path));
        match self.target.words {
            Words::Client => {}
            Words::Traefik => {
                command.args(["--", "traefik"]);
            }
            Words::Signed(host) | Words::Asking(host) => {
                command.args(["--", "signed", host]).arg(self.tokens);
                command.arg(self.count.to_string());
            }
        }
        if matches!(self.target.words, Words::Asking(_)) {
            command.arg(workspace().join("benches/load/question.json"));
        }
        Ok(())
    }

    /// Every connection with ten streams at a time; one token for all.
    fn h2load(&self, command: &mut Command, connections: u32, seconds: u64) -> Result<(), Failure> {
        let host = self.target.words.host();
        let tokens = fs::read_to_string(self.tokens)?;
        let token = tokens.lines().next().unwrap_or_default();
        command
            .arg(locate("h2load")?)
            .args(["--threads", "1", "--max-concurrent-streams", "10"])
            .args(["--clients", &connections.to_string()])
            .args(["--duration", &seconds.to_string()])
            .arg(format!("--header=:authority: {host}"))
            .arg(format!("--header=authorization: Bearer {token}"))
            .arg("--header=x-tenant: acme")
            .arg(format!("https://{}{}", self.address, self.target.path));
        Ok(())
    }
}

/// Reads the line that the scripts of wrk print; `None` when it tells of errors.
pub(super) fn parse(text: &str) -> Option<Answers> {
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

/// Reads what h2load prints; `None` when it tells of errors. It gives no percentiles that compare
/// with those of wrk.
fn parse_h2load(text: &str, duration: Duration) -> Option<Answers> {
    let count = |line: &str, unit: &str| {
        let line = text.lines().find_map(|own| own.strip_prefix(line))?;
        let count = line
            .split(',')
            .find_map(|part| part.trim().strip_suffix(unit));
        count?.trim().parse::<u64>().ok()
    };
    let clean = count("requests:", " failed")? == 0 && count("requests:", " errored")? == 0;
    let requests = count("status codes:", " 2xx")?;
    let others = [" 3xx", " 4xx", " 5xx"].map(|unit| count("status codes:", unit));
    let good = clean && requests > 0 && others == [Some(0); 3];
    good.then_some(Answers {
        requests,
        duration,
        median: Duration::ZERO,
        percentile_99: Duration::ZERO,
    })
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

    #[test]
    fn h2load_tells_of_errors_too() {
        let good = "requests: 9 total, 9 started, 9 done, 9 succeeded, 0 failed, 0 errored, 0 timeout\n\
                    status codes: 9 2xx, 0 3xx, 0 4xx, 0 5xx\n";
        let second = Duration::from_secs(1);
        assert_eq!(parse_h2load(good, second).unwrap().requests, 9);
        for (from, to) in [
            ("0 failed", "1 failed"),
            ("0 4xx", "1 4xx"),
            ("9 2xx", "0 2xx"),
        ] {
            assert_eq!(parse_h2load(&good.replace(from, to), second), None);
        }
    }
}
