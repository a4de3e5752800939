//! A real `redis-server` on a free loopback port, with a folder of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// Ends with the test.
pub(crate) struct RedisServer {
    process: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts one without TLS and login.
    pub(crate) fn start() -> Self {
        Self::start_with(|port, _| vec!["--port".to_owned(), port.to_string()])
    }

    /// Starts one with the arguments made from its port and folder.
    pub(crate) fn start_with(arguments: impl Fn(u16, &std::path::Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let arguments = arguments(port, folder.path());
        drop(free);
        let process = spawn(&arguments, folder.path());
        Self {
            process,
            port,
            folder,
            arguments,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again on the same port.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(&self.arguments, self.folder.path());
    }

    /// Stops or resumes it: the connection stays, answers do not come.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let done = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(arguments: &[String], folder: &std::path::Path) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder).args(arguments);
    let spawned = command.stdout(Stdio::piped()).spawn();
    let mut process = spawned.expect("`redis-server` is needed: `cargo xtask setup` installs it");
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let ready = lines.any(|line| line.unwrap().contains("Ready to accept connections"));
    assert!(ready, "redis-server ended before it was ready");
    // Its log must go on being read, or it would stop at a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    process
}
