//! Ties children to the life of this process.
//!
//! Linux can signal a child when its parent dies, but the parent is the *thread* that spawned it,
//! and test threads come and go. So one thread that lives as long as the process spawns them all.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

type Job = (Command, SyncSender<io::Result<Child>>);

static SPAWNER: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (jobs, received) = channel::<Job>();
    thread::spawn(move || {
        for (mut command, answer) in received {
            // Nobody waits for the answer only when the test has failed meanwhile.
            let _ = answer.send(command.spawn());
        }
    });
    jobs
});

/// Spawns `command` with piped output, tied to this process where the system can do that.
pub(super) fn spawn(command: &Command) -> io::Result<Child> {
    let (answer, answered) = sync_channel(1);
    let gone = || io::Error::other("the spawning thread is gone");
    SPAWNER.send((tied(command), answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn tied(command: &Command) -> Command {
    const SETPRIV: &str = "/usr/bin/setpriv";
    let mut tied = if Path::new(SETPRIV).exists() {
        let mut wrapper = Command::new(SETPRIV);
        wrapper
            .args(["--pdeathsig", "KILL", "--"])
            .arg(command.get_program());
        wrapper
    } else {
        Command::new(command.get_program())
    };
    tied.args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied
}
