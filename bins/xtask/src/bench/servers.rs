//! Starts servers on one processor, from the configurations in `benches/load`.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use ztag_test_support::{
    Failure, Ports, Process, copy_rendered, free_port, locate, send, workspace,
};

use super::targets::{Server, Target};
use crate::command::{cargo, execute};

/// Ports that the configurations are written with.
const EDGE: u16 = 8000;
const DECISIONS: u16 = 8080;
const APPLICATION: u16 = 3000;
const BACKEND: u16 = 3100;

/// Between two looks at something that cannot be waited for, and how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const ATTEMPTS: u32 = 3_000;

/// The programs of this workspace.
pub(super) struct Binaries {
    forward_auth: PathBuf,
    responder: PathBuf,
}

/// Builds them as they are shipped.
pub(super) fn build() -> Result<Binaries, Failure> {
    let build = ["build", "--release", "--package"];
    execute(cargo(&build).arg("forward-auth"))?;
    execute(cargo(&build).args(["ztag-benches", "--bin", "responder"]))?;
    let folder = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), PathBuf::from)
        .join("release");
    Ok(Binaries {
        forward_auth: folder.join("forward-auth"),
        responder: folder.join("responder"),
    })
}

/// A target that runs, with everything it needs. It ends when dropped.
pub(super) struct Running {
    /// Whose processor time counts.
    pub(super) measured: Vec<Process>,
    /// Where to send requests.
    pub(super) address: SocketAddr,
    _around: Process,
    _folder: TempDir,
}

impl Running {
    /// Starts `target` on `processor` and waits until it lets a request pass.
    pub(super) fn start(
        target: &Target,
        binaries: &Binaries,
        processor: &str,
    ) -> Result<Self, Failure> {
        let world = World::new(binaries, processor)?;
        let around = world.start("around", &world.nginx("around")?, world.application)?;
        let decisions = world.start("decisions", &world.server(target)?, world.decisions)?;
        let mut measured = vec![decisions];
        let mut port = world.decisions;
        if let Some(proxy) = target.behind {
            measured.push(world.start(proxy, &world.proxy(proxy)?, world.edge)?);
            port = world.edge;
        }
        let address = local(port);
        wait_for_pass(target, address).map_err(|failure| failure.during(target.name))?;
        Ok(Self {
            measured,
            address,
            _around: around,
            _folder: world.folder,
        })
    }
}

/// A folder with the configurations, and the ports in them.
struct World<'a> {
    binaries: &'a Binaries,
    processor: &'a str,
    folder: TempDir,
    application: u16,
    decisions: u16,
    edge: u16,
}

impl<'a> World<'a> {
    fn new(binaries: &'a Binaries, processor: &'a str) -> Result<Self, Failure> {
        let (application, decisions, edge) = (free_port()?, free_port()?, free_port()?);
        let ports = Ports::new()
            .with(EDGE, edge)
            .with(DECISIONS, decisions)
            .with(APPLICATION, application)
            .with(BACKEND, free_port()?);
        let folder = tempfile::tempdir()?;
        copy_rendered(&workspace().join("benches/load"), folder.path(), &ports)?;
        Ok(Self {
            binaries,
            processor,
            folder,
            application,
            decisions,
            edge,
        })
    }

    /// The one that decides.
    fn server(&self, target: &Target) -> Result<Command, Failure> {
        match target.server {
            Server::Nginx => self.nginx("floor"),
            Server::Hyper => {
                let mut command = Command::new(&self.binaries.responder);
                command.arg(local(self.decisions).to_string());
                Ok(command)
            }
            Server::ForwardAuth => {
                let mut command = Command::new(&self.binaries.forward_auth);
                let config = self.folder.path().join("forward-auth.yaml");
                command.arg("--config").arg(config);
                Ok(command)
            }
        }
    }

    fn proxy(&self, name: &str) -> Result<Command, Failure> {
        if name == "nginx" {
            return self.nginx("edge");
        }
        let folder = self.folder.path().join("edge");
        let mut command = Command::new(locate(name)?);
        command.current_dir(&folder);
        if name == "traefik" {
            command.arg("--configFile=traefik.yml");
        } else {
            command.args(["run", "--config", "Caddyfile"]);
        }
        // Nothing is kept outside the folder.
        for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(variable, &folder);
        }
        Ok(command)
    }

    fn nginx(&self, folder: &str) -> Result<Command, Failure> {
        let folder = self.folder.path().join(folder);
        let mut command = Command::new(locate("nginx")?);
        command
            .args([OsStr::new("-p"), folder.as_os_str()])
            .args([OsStr::new("-c"), folder.join("nginx.conf").as_os_str()])
            .args(["-e", "stderr"]);
        Ok(command)
    }

    /// Starts it pinned, with its log thrown away: whoever reads a log takes time, too.
    fn start(&self, name: &str, command: &Command, port: u16) -> Result<Process, Failure> {
        let mut pinned = Command::new(locate("taskset")?);
        pinned
            .args(["-c", self.processor, "sh", "-c"])
            .arg(r#"exec "$0" "$@" >/dev/null"#)
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                pinned.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            pinned.current_dir(folder);
        }
        let mut process = Process::start(name, pinned)?;
        process.wait_until_listening(local(port))?;
        Ok(process)
    }
}

/// A proxy may listen before it knows its routes.
fn wait_for_pass(target: &Target, address: SocketAddr) -> Result<(), Failure> {
    let mut status = 0;
    for _ in 0..ATTEMPTS {
        status = send(address, &target.request())?.status;
        if status == 200 {
            return Ok(());
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    Err(Failure::new(format!("answers {status}")))
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
