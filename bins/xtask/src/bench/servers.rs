//! Starts servers on one processor, from the configurations in `benches/load`.

use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use ztag_test_support::{
    Authority, Failure, Ports, Process, copy_rendered, free_port, locate, send, workspace,
};

use super::cpu::Tree;
use super::targets::{Part, Port, Protocol, Target};
use super::tokens::Tokens;
use crate::command::{cargo, execute, target_folder};
use crate::dist;

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
    gateway: PathBuf,
    responder: PathBuf,
    proxy: PathBuf,
}

impl Binaries {
    /// Those of the last release build.
    pub(super) fn built() -> Self {
        Self::of(&target_folder().join("release"))
    }

    /// Our own that are in `folder`, beside the floors of the last release build.
    pub(super) fn of(folder: &Path) -> Self {
        let floors = target_folder().join("release");
        Self {
            forward_auth: folder.join("forward-auth"),
            gateway: folder.join("gateway"),
            responder: floors.join("responder"),
            proxy: floors.join("proxy"),
        }
    }

    /// Builds them without what is learnt from a load.
    pub(super) fn build() -> Result<Self, Failure> {
        let mut build = cargo(&["build", "--release"]);
        for package in ["forward-auth", "gateway", "ztag-benches"] {
            build.args(["--package", package]);
        }
        execute(build.arg("--bins"))?;
        Ok(Self::built())
    }

    /// Builds them as they are released.
    pub(super) fn release() -> Result<Self, Failure> {
        let folder = dist::build()?;
        execute(&mut cargo(&[
            "build",
            "--release",
            "--package",
            "ztag-benches",
            "--bins",
        ]))?;
        Ok(Self::of(&folder))
    }
}

/// A target that runs, with everything it needs. It ends when dropped.
pub(super) struct Running {
    /// Whose processor time counts.
    measured: Vec<Process>,
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
        tokens: &Tokens,
        processor: &str,
    ) -> Result<Self, Failure> {
        let world = World::new(binaries, tokens, processor)?;
        let around = world.start("around", &world.nginx("around")?, world.application)?;
        let mut measured = Vec::new();
        let mut address = local(world.edge);
        for (part, port) in target.parts {
            let port = world.port(*port);
            measured.push(world.start(target.name, &world.command(*part)?, port)?);
            address = local(port);
        }
        // The load itself tells whether those behind TLS answer.
        if target.protocol == Protocol::Http1 {
            wait_for_pass(target, tokens, address)
                .map_err(|failure| failure.during(target.name))?;
        }
        Ok(Self {
            measured,
            address,
            _around: around,
            _folder: world.folder,
        })
    }

    /// Asks those that count to end, the one that is asked first, and waits until they have.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.measured
            .iter_mut()
            .rev()
            .try_for_each(Process::terminate)
    }

    /// The processes that count.
    pub(super) fn tree(&self) -> Tree {
        Tree::of(self.measured.iter().map(Process::id))
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
    fn new(binaries: &'a Binaries, tokens: &Tokens, processor: &'a str) -> Result<Self, Failure> {
        let (application, decisions, edge) = (free_port()?, free_port()?, free_port()?);
        let ports = Ports::new()
            .with(EDGE, edge)
            .with(DECISIONS, decisions)
            .with(APPLICATION, application)
            .with(BACKEND, free_port()?);
        let folder = tempfile::tempdir()?;
        copy_rendered(&workspace().join("benches/load"), folder.path(), &ports)?;
        let peers = folder.path().join("peers");
        for file in ["gateway.yaml", "gateway-reading.yaml", "gateway-tls.yaml"] {
            let text = fs::read_to_string(peers.join(file))?;
            fs::write(peers.join(file), text.replace("@JWKS@", &tokens.jwks))?;
        }
        fs::write(peers.join("jwks.json"), &tokens.jwks)?;
        Authority::new()?.issue(&peers.join("nginx-tls"), "server", &["localhost"])?;
        Ok(Self {
            binaries,
            processor,
            folder,
            application,
            decisions,
            edge,
        })
    }

    const fn port(&self, port: Port) -> u16 {
        match port {
            Port::Decisions => self.decisions,
            Port::Edge => self.edge,
        }
    }

    fn command(&self, part: Part) -> Result<Command, Failure> {
        let path = |name: &str| self.folder.path().join(name);
        Ok(match part {
            Part::Nginx(folder) => self.nginx(folder)?,
            Part::Hyper => {
                let mut command = Command::new(&self.binaries.responder);
                command.arg(local(self.decisions).to_string());
                command
            }
            Part::HyperProxy => {
                let mut command = Command::new(&self.binaries.proxy);
                let addresses = [self.edge, self.application].map(local);
                command.args(addresses.map(|address| address.to_string()));
                command
            }
            Part::ForwardAuth(file) => configured(&self.binaries.forward_auth, &path(file)),
            Part::Gateway(file) => configured(&self.binaries.gateway, &path(file)),
            Part::GatewayUnlogged(file) => {
                let mut command = configured(&self.binaries.gateway, &path(file));
                command.env("ZTAG_SERVER__LOGGING__LEVEL", "warn");
                command
            }
            Part::Haproxy(file) => {
                let mut command = Command::new(locate("haproxy")?);
                command.arg("-f").arg(path(file));
                command
            }
            Part::Envoy(file) => {
                let mut command = Command::new(locate("envoy")?);
                command
                    .current_dir(path("peers"))
                    .args(["--concurrency", "1", "--disable-hot-restart"])
                    .args(["--log-level", "error", "-c"])
                    .arg(path(file));
                command
            }
            Part::Caddy(folder) => {
                let mut command = at_home("caddy", &path(folder))?;
                command.args(["run", "--config", "Caddyfile"]);
                command
            }
            Part::Traefik(folder) => {
                let mut command = at_home("traefik", &path(folder))?;
                command.arg("--configFile=traefik.yml");
                command
            }
        })
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

/// One of our programs with its configuration.
fn configured(program: &Path, file: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--config").arg(file);
    command
}

/// A program that keeps nothing outside `folder`.
fn at_home(program: &str, folder: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(locate(program)?);
    command.current_dir(folder);
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, folder);
    }
    Ok(command)
}

/// A proxy may listen before it knows its routes.
fn wait_for_pass(target: &Target, tokens: &Tokens, address: SocketAddr) -> Result<(), Failure> {
    let mut status = 0;
    for _ in 0..ATTEMPTS {
        let request = target.request(&tokens.all).header("Connection: close");
        status = send(address, &request)?.status;
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
