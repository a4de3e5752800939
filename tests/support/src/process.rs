//! Child processes that cannot outlive the test.

mod spawner;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;

/// How long to wait for a fact before the test is called failed; never how long a test takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at something that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Lines of output kept per process.
const KEPT_LINES: usize = 2_000;

/// A running program. It is killed when this value is dropped, and by the system when the test
/// process dies without dropping anything.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<VecDeque<String>>,
    grown: Condvar,
}

impl Process {
    /// Starts `command`; `name` stands in messages. Both output streams are kept as its log.
    pub fn start(name: &str, mut command: Command) -> Result<Self, Failure> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawner::spawn(&command)
            .map_err(|error| Failure::new(format!("cannot start {name}: {error}")))?;
        let log = Arc::new(Log::default());
        if let Some(stdout) = child.stdout.take() {
            keep(stdout, Arc::clone(&log));
        }
        if let Some(stderr) = child.stderr.take() {
            keep(stderr, Arc::clone(&log));
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// Its number in the system, to look up what it takes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `address` accepts connections. Fails, with the log, as soon as the process
    /// has ended.
    pub fn wait_until_listening(&mut self, address: SocketAddr) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("ended early ({status})")));
            }
            if Instant::now() > deadline {
                return Err(self.failure(&format!("does not listen on {address}")));
            }
            thread::park_timeout(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Waits for a line of output that `wanted` accepts, among those already there or to come.
    pub fn wait_for_line(&self, wanted: impl Fn(&str) -> bool) -> Result<String, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.lines();
        loop {
            if let Some(line) = lines.iter().find(|line| wanted(line)) {
                return Ok(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(lines);
                return Err(self.failure("never said what was waited for"));
            }
            let waited = self.log.grown.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The last lines of its output.
    pub fn log(&self) -> String {
        self.log
            .lines()
            .iter()
            .fold(String::new(), |mut all, line| {
                // Writing to a text cannot fail.
                let _ = writeln!(all, "  {} | {line}", self.name);
                all
            })
    }

    /// Sends it the signal of this name, such as `TERM`.
    pub fn signal(&self, name: &str) -> Result<(), Failure> {
        let id = self.id().to_string();
        Command::new("kill").args(["-s", name, &id]).status()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has. Fails, with the log, when it stays.
    pub fn terminate(&mut self) -> Result<(), Failure> {
        self.signal("TERM")?;
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return Err(self.failure("does not end"));
            }
            thread::park_timeout(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Ends it at once and waits until it is gone.
    pub fn kill(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(format!("{} {what}\n{}", self.name, self.log()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            show(&self.log());
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the harness shows it beside the failed test"
)]
fn show(log: &str) {
    eprintln!("{log}");
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(stream: impl Read + Send + 'static, log: Arc<Log>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            let mut lines = log.lines();
            if lines.len() == KEPT_LINES {
                lines.pop_front();
            }
            lines.push_back(text);
            log.grown.notify_all();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_output_and_reports_an_early_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; echo oops >&2; exit 3"]);
        let mut process = Process::start("shell", command).unwrap();
        process.wait_for_line(|line| line == "ready").unwrap();
        process.wait_for_line(|line| line == "oops").unwrap();
        let nobody = "127.0.0.1:1".parse().unwrap();
        let failure = process.wait_until_listening(nobody).unwrap_err();
        assert!(failure.to_string().contains("ended early"), "{failure}");
        assert!(failure.to_string().contains("shell | oops"), "{failure}");
    }
}
