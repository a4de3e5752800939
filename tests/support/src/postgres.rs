//! `PostgreSQL` servers of their own, for tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, process, thread};

use tempfile::TempDir;

use crate::{Authority, Failure, Process, free_port, locate};

/// The user of the database, who may do everything there and needs no password.
const OWNER: &str = "ztag";
/// Who runs the server where we are root, which it refuses to be.
const SYSTEM_USER: &str = "postgres";
/// How often a start is tried: what is left of a server that was killed may be in its way.
const STARTS: usize = 50;

/// A database server with a cluster of its own, on a loopback port. It writes to the disk as a real
/// one does.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    port: u16,
    /// Settings of the server beside the usual ones.
    settings: Vec<String>,
    process: Option<Process>,
}

impl Postgres {
    /// Makes a cluster, starts its server and waits until it answers.
    pub fn start() -> Result<Self, Failure> {
        let mut own = Self::make()?;
        own.resume()?;
        Ok(own)
    }

    /// The same; it can encrypt, and shows a certificate of this authority for `localhost`.
    pub fn start_encrypting(authority: &Authority) -> Result<Self, Failure> {
        let mut own = Self::make()?;
        let issued = authority.issue(own.folder.path(), "server", &["localhost"])?;
        if is_root() {
            let files = [&issued.certificate, &issued.key];
            execute(Command::new("chown").arg(SYSTEM_USER).args(files))?;
        }
        execute(Command::new("chmod").arg("600").arg(&issued.key))?;
        own.settings = vec![
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", issued.certificate.display()),
            format!("ssl_key_file={}", issued.key.display()),
        ];
        own.resume()?;
        Ok(own)
    }

    /// Makes a cluster without a server.
    fn make() -> Result<Self, Failure> {
        let folder = TempDir::new()?;
        if is_root() {
            execute(Command::new("chown").arg(SYSTEM_USER).arg(folder.path()))?;
        }
        let mut make = as_system_user(&locate("initdb")?);
        make.args(["--username", OWNER, "--auth", "trust", "--no-sync"])
            .args(["--encoding", "UTF8", "--locale", "C", "--pgdata"])
            .arg(folder.path().join("data"));
        execute(&mut make)?;
        Ok(Self {
            folder,
            port: free_port()?,
            settings: Vec::new(),
            process: None,
        })
    }

    /// One server for all tests of this process; it ends, and is removed, with the process.
    pub fn shared() -> Result<&'static Self, Failure> {
        static SHARED: LazyLock<Result<Postgres, Failure>> = LazyLock::new(|| {
            let own = Postgres::start()?;
            own.remove_with_process()?;
            Ok(own)
        });
        let told = |failure: &Failure| Failure::new(failure.to_string());
        SHARED.as_ref().map_err(told)
    }

    /// Where it is, for clients.
    pub fn url(&self) -> String {
        format!("postgres://{OWNER}@127.0.0.1:{}/postgres", self.port)
    }

    /// The name of a schema that no test of this process has used before.
    pub fn fresh_schema(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("test_{}_{count}", process::id())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Kills it at once, as a crash would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again after [`Postgres::kill`]; it recovers what was committed.
    pub fn resume(&mut self) -> Result<(), Failure> {
        let mut last = Failure::new("the database was not started");
        for _ in 0..STARTS {
            match self.try_resume() {
                Ok(process) => {
                    self.process = Some(process);
                    return Ok(());
                }
                Err(failure) => last = failure,
            }
            thread::park_timeout(std::time::Duration::from_millis(100));
        }
        Err(last)
    }

    /// Runs a statement; what it answers, one row a line, columns parted by `|`.
    pub fn ask(&self, statement: &str) -> Result<String, Failure> {
        let mut command = Command::new(locate("psql")?);
        command
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
            .args(["--set", "ON_ERROR_STOP=1", "--command", statement])
            .arg(self.url());
        let output = command.output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("{statement}: {text}")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn try_resume(&self) -> Result<Process, Failure> {
        let mut command = as_system_user(&locate("postgres")?);
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "shared_buffers=32MB"])
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                self.folder.path().display()
            ));
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let mut process = Process::start("postgres", command)?;
        process.wait_until_listening(self.address())?;
        process.wait_for_line(|line| line.contains("ready to accept connections"))?;
        Ok(process)
    }

    /// Sees to it that its folder goes even though a shared one is never dropped: a process that
    /// reads from us until we are gone removes it.
    fn remove_with_process(&self) -> io::Result<()> {
        let script = "cat; sleep 1; rm -rf \"$1\"";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // Open until the process ends.
        std::mem::forget(child.stdin.take());
        Ok(())
    }
}

/// A program of the server, as somebody whom it lets run it.
fn as_system_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER])
        // Set anew: changing the user clears it.
        .args(["--clear-groups", "--pdeathsig", "KILL", "--"])
        .arg(program)
        .current_dir("/");
    command
}

fn execute(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{command:?}: {text}")))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_server_comes_back_with_what_was_committed() {
        let mut postgres = Postgres::start().unwrap();
        postgres.ask("CREATE TABLE kept (one INT)").unwrap();
        postgres.ask("INSERT INTO kept VALUES (7)").unwrap();
        postgres.kill();
        assert!(postgres.ask("SELECT 1").is_err());
        postgres.resume().unwrap();
        assert_eq!(postgres.ask("SELECT one FROM kept").unwrap(), "7");
    }
}
