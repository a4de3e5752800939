//! Checks over HTTP from a process of their own: batches as fast as they are answered, and single
//! ones at a constant rate.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use ztag_test_support::{Failure, locate, workspace};

use crate::bench::load::parse;

/// Checks in a batch.
const BATCH: u64 = 50;
/// Least checks a second in batches.
const LEAST_RATE: u64 = 50_000;
/// Single checks a second, over so many connections. Each of them asks at the same moment as the
/// others, so more of them measure how long they wait for each other.
const STEADY: u64 = 5_000;
const CONNECTIONS: u64 = 10;
/// Longest time of 99 of 100 single checks, in microseconds.
const LONGEST: u64 = 1_000;

/// Asks the server about the store that is told of in `folder`, and judges what it took. A quick run
/// judges nothing.
pub(super) fn judge(folder: &Path, address: SocketAddr, quick: bool) -> Result<(), Failure> {
    let store = fs::read_to_string(folder.join("store"))?;
    let url = format!("http://{address}/stores/{store}");
    let seconds = if quick { "1" } else { "10" };
    let rate = batches(folder, &url, seconds)?;
    let slow = single(folder, &url, seconds)?;
    println!("batches of {BATCH}: {rate} checks/s, goal {LEAST_RATE}");
    println!("{STEADY} single checks a second: p99 {slow} us, goal {LONGEST}");
    if quick || (rate >= LEAST_RATE && slow <= LONGEST) {
        return Ok(());
    }
    Err(Failure::new("a goal is missed"))
}

/// Checks a second in batches.
fn batches(folder: &Path, url: &str, seconds: &str) -> Result<u64, Failure> {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let output = Command::new(locate("wrk")?)
        .args(["--threads", "1", "--connections", "64", "--latency"])
        .args(["--duration", &format!("{seconds}s"), "--script"])
        .arg(workspace().join("benches/fga/load.lua"))
        .args([url, "--", &format!("/{path}/batch-check")])
        .arg(folder.join("questions"))
        .arg(BATCH.to_string())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answers = parse(&text);
    let answers = answers.ok_or_else(|| Failure::new(format!("batches failed: {text}")))?;
    Ok(answers.rate() * BATCH)
}

/// The time of the slowest of a hundred single checks, in microseconds.
fn single(folder: &Path, url: &str, seconds: &str) -> Result<u64, Failure> {
    let log = folder.join("times");
    let output = Command::new(locate("h2load")?)
        .args(["--h1", "--threads", "1", "--warm-up-time", "1"])
        .args(["--clients", &CONNECTIONS.to_string()])
        .args(["--rps", &(STEADY / CONNECTIONS).to_string()])
        .args(["--duration", seconds])
        .arg("--header=content-type: application/json")
        .arg(format!("--data={}", folder.join("check.json").display()))
        .arg(format!("--log-file={}", log.display()))
        .arg(format!("{url}/check"))
        .output()?;
    let failed = || {
        let text = String::from_utf8_lossy(&output.stdout);
        Failure::new(format!("single checks failed: {text}"))
    };
    let seconds: u64 = seconds.parse().map_err(|_| failed())?;
    let times = times(&fs::read_to_string(log)?).ok_or_else(failed)?;
    // Whoever asks more seldom is answered sooner.
    if (times.len() as u64) < STEADY * seconds * 95 / 100 {
        return Err(failed());
    }
    let slow = times.get(times.len() * 99 / 100);
    slow.copied().ok_or_else(failed)
}

/// How long each request took, in microseconds, the shortest first; none when one was not answered
/// with 200. A line of h2load has the time of the request, the status and how long it took.
fn times(log: &str) -> Option<Vec<u64>> {
    let time = |line: &str| match line.split('\t').collect::<Vec<_>>().as_slice() {
        [_, "200", took] => took.parse().ok(),
        _ => None,
    };
    let mut times = log.lines().map(time).collect::<Option<Vec<u64>>>()?;
    times.sort_unstable();
    Some(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_no_times() {
        assert_eq!(times("1\t200\t30\n2\t200\t20\n"), Some(vec![20, 30]));
        for bad in ["1\t503\t30\n", "1\t200\n", "1\t200\tx\n"] {
            assert_eq!(times(bad), None, "{bad}");
        }
    }
}
