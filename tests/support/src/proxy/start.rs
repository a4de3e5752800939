//! How each proxy is started with its example.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::{Proxy, RunningProxy, Wiring};
use crate::{Failure, Ports, Process, Request, copy_rendered, free_port, locate, send, workspace};

/// The port on which the proxies of the examples listen.
const PROXY_PORT: u16 = 8000;
/// The port on which the examples look for `forward-auth`.
const DECISIONS_PORT: u16 = 8080;
/// The port on which the examples look for the application.
const APPLICATION_PORT: u16 = 3000;

/// Between two looks at something that cannot be waited for, and how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const ATTEMPTS: u32 = 3_000;

/// What stands around the example's `ztag.conf` in a distribution's `nginx.conf`, kept inside the
/// test's folder, in one process.
const NGINX_MAIN: &str = "\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include ztag.conf;
}
";

pub(super) fn start(proxy: Proxy, wiring: &Wiring) -> Result<RunningProxy, Failure> {
    let port = free_port()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let folder = tempfile::tempdir()?;
    let ports = Ports::new()
        .with(PROXY_PORT, port)
        .with(DECISIONS_PORT, wiring.decisions.port())
        .with(APPLICATION_PORT, wiring.application.port());
    let example = workspace()
        .join("examples")
        .join(format!("forward-auth-{}", proxy.name()));
    copy_rendered(&example, folder.path(), &ports)?;

    let mut process = Process::start(proxy.name(), command(proxy, &folder)?)?;
    process.wait_until_listening(address)?;
    if proxy == Proxy::Traefik {
        // It listens before it has read its routes.
        wait_until_routing(address)?;
    }
    Ok(RunningProxy {
        process,
        address,
        _folder: folder,
    })
}

fn wait_until_routing(address: SocketAddr) -> Result<(), Failure> {
    let request = Request::new("GET", "/").header("Host: localhost");
    for _ in 0..ATTEMPTS {
        if send(address, &request)?.status != 404 {
            return Ok(());
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    Err(Failure::new("does not learn its routes"))
}

fn command(proxy: Proxy, folder: &TempDir) -> Result<Command, Failure> {
    let mut command = Command::new(locate(proxy.name())?);
    command.current_dir(folder.path());
    match proxy {
        Proxy::Traefik => {
            command.arg("--configFile=traefik.yml");
        }
        Proxy::Nginx => {
            let main = folder.path().join("nginx.conf");
            fs::write(&main, NGINX_MAIN)?;
            command
                .arg("-p")
                .arg(folder.path())
                .arg("-c")
                .arg(main)
                .args(["-e", "stderr"]);
        }
        Proxy::Caddy => {
            confine(&mut command, folder.path());
            command.args(["run", "--config", "Caddyfile"]);
        }
        Proxy::Haproxy => {
            command.args(["-db", "-f", "haproxy.cfg"]);
        }
        Proxy::Envoy => {
            command
                .args(["--config-path", "envoy.yaml", "--disable-hot-restart"])
                .args(["--concurrency", "1", "--log-level", "warning"]);
        }
    }
    Ok(command)
}

/// Keeps what Caddy stores for its user inside the test's folder.
fn confine(command: &mut Command, folder: &Path) {
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, folder);
    }
}
