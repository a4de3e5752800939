//! The gateways under load, one before plain and one before encrypted connections, with everything
//! that they need.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::runtime;
use tokio::task::JoinSet;
use ztag_test_support::{
    Authority, Failure, Process, Request, TlsClient, free_port, gateway_binary, send,
};

use super::issuer::Issuer;
use super::line::{Lines, Transport};
use super::memory::Subject;
use super::target::Target;
use crate::command::{cargo, execute, target_folder};

const POLICY: &str = include_str!("policy.yaml");

/// What clients ask for in a handshake; the certificate serves all names beside it.
const NAME: &str = "api.example.com";
const NAMES: &str = "*.example.com";

/// Everything under load and around it.
pub(super) struct House {
    pub(super) issuer: Arc<Issuer>,
    pub(super) app: [Target; 2],
    pub(super) store: [Target; 2],
    live: Target,
    published: Target,
    authority: Authority,
    doors: Vec<Door>,
    folder: TempDir,
}

/// A gateway with its configuration.
struct Door {
    gateway: Option<Process>,
    config: PathBuf,
    port: u16,
    admin: SocketAddr,
    encrypted: bool,
}

/// What a configuration varies in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// A condition that holds for every request.
    pub(super) condition: &'static str,
    /// The rule of the endpoint that nobody asks.
    pub(super) spare: &'static str,
    /// What follows the document.
    pub(super) rest: &'static str,
}

/// As it is at the start.
pub(super) const FIRST: Variant = Variant {
    condition: "request.path.startsWith('/')",
    spare: "may-read",
    rest: "",
};

impl House {
    /// Starts everything. `quick` takes the programs of the profile of this one.
    pub(super) fn open(quick: bool) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new()?;
        authority.write(folder.path())?;
        let mut house = Self {
            issuer: Arc::new(Issuer::new()?),
            app: [Target::new()?, Target::new()?],
            store: [Target::new()?, Target::new()?],
            live: Target::new()?,
            published: Target::new()?,
            authority,
            doors: vec![
                Door::new(folder.path(), "plain", false)?,
                Door::new(folder.path(), "encrypted", true)?,
            ],
            folder,
        };
        house.certify()?;
        house.write(&FIRST)?;
        house.serve_targets()?;
        let binary = binary(quick)?;
        for door in &mut house.doors {
            door.start(&binary)?;
        }
        Ok(house)
    }

    /// Writes both configurations.
    pub(super) fn write(&self, variant: &Variant) -> Result<(), Failure> {
        for door in &self.doors {
            fs::write(&door.config, self.document(door, variant))?;
        }
        Ok(())
    }

    /// Replaces the certificate.
    pub(super) fn certify(&self) -> Result<(), Failure> {
        self.authority
            .issue(self.folder.path(), "server", &[NAMES])
            .map(drop)
    }

    /// Replaces the certificate by what is none.
    pub(super) fn spoil_certificate(&self) -> Result<(), Failure> {
        Ok(fs::write(self.folder.path().join("server.pem"), "none")?)
    }

    /// Ways of clients to the gateways.
    pub(super) fn lines(&self) -> Result<Vec<Lines>, Failure> {
        let mut lines = Vec::new();
        for door in &self.doors {
            let address = door.address();
            if door.encrypted {
                for transport in [Transport::Tls, Transport::Http2] {
                    let (config, name) = self.trust()?;
                    lines.push(Lines::tls(address, config, name, transport));
                }
            } else {
                lines.push(Lines::plain(address));
            }
        }
        Ok(lines)
    }

    /// Where streams are opened: each gateway, with what is needed for TLS.
    pub(super) fn stream_doors(&self) -> Result<Vec<(SocketAddr, Option<TlsClient>)>, Failure> {
        let open = |door: &Door| {
            let client = self.authority.client(NAME, &["http/1.1"], None);
            let client = door.encrypted.then_some(client).transpose()?;
            Ok((door.address(), client))
        };
        self.doors.iter().map(open).collect()
    }

    /// The processes whose memory counts.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let named = |door: &Door| {
            let name = if door.encrypted { "encrypted" } else { "plain" };
            let process = door.gateway.as_ref()?.id();
            Some(Subject::new(name, process))
        };
        self.doors.iter().filter_map(named).collect()
    }

    /// Ends the gateways, which have nothing to do any more.
    pub(super) fn end(mut self) -> Result<Ended, Failure> {
        let mut ended = Ended::default();
        for door in &mut self.doors {
            let Some(gateway) = &mut door.gateway else {
                continue;
            };
            let metrics = Request::new("GET", "/metrics").header("Host: localhost");
            let metrics = send(door.admin, &metrics)?.text();
            ended.reloads.push((
                count(&metrics, "ztag_config_reloads_total{result=\"success\"}"),
                count(&metrics, "ztag_config_reloads_total{result=\"failure\"}"),
            ));
            if let Err(failure) = gateway.terminate() {
                ended.staying.push(failure.to_string());
            }
        }
        Ok(ended)
    }

    fn document(&self, door: &Door, variant: &Variant) -> String {
        let certificate = ", tls: {certificates: [{certFile: server.pem, keyFile: server.key}]}";
        let [first, second] = &self.app;
        let [store, other] = &self.store;
        let mut text = POLICY
            .replace("@PORT@", &door.port.to_string())
            .replace("@TLS@", if door.encrypted { certificate } else { "" })
            .replace("@ADMIN@", &door.admin.port().to_string())
            .replace("@CONDITION@", variant.condition)
            .replace("@SPARE@", variant.spare);
        for (mark, target) in [
            ("@ISSUER@", &self.published),
            ("@APP-1@", first),
            ("@APP-2@", second),
            ("@STORE-1@", store),
            ("@STORE-2@", other),
            ("@LIVE@", &self.live),
        ] {
            text = text.replace(mark, &target.address.to_string());
        }
        text + variant.rest
    }

    /// Serves all targets in a thread that lasts as long as this process.
    fn serve_targets(&self) -> Result<(), Failure> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let targets = self.app.iter().chain(&self.store);
        let targets = targets.chain([&self.live, &self.published]);
        let targets: Vec<Target> = targets.cloned().collect();
        let issuer = Arc::clone(&self.issuer);
        let serving = async move {
            let serving = targets.into_iter();
            let serving = serving.map(|target| target.serve(Arc::clone(&issuer)));
            let ended = serving.collect::<JoinSet<_>>().join_all().await;
            for failure in ended.into_iter().filter_map(Result::err) {
                println!("a target failed: {failure}");
            }
        };
        thread::spawn(move || runtime.block_on(serving));
        Ok(())
    }

    /// What clients believe.
    fn trust(&self) -> Result<(ClientConfig, ServerName<'static>), Failure> {
        let own = self.folder.path().join("authority.pem");
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(own).map_err(told)?;
        roots.add(authority).map_err(told)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(told)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok((config, ServerName::try_from(NAME).map_err(told)?))
    }
}

impl Door {
    fn new(folder: &Path, name: &str, encrypted: bool) -> Result<Self, Failure> {
        Ok(Self {
            gateway: None,
            config: folder.join(format!("{name}.yaml")),
            port: free_port()?,
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
            encrypted,
        })
    }

    fn start(&mut self, binary: &Path) -> Result<(), Failure> {
        let mut command = Command::new(binary);
        command.arg("--config").arg(&self.config);
        let mut gateway = Process::start("gateway", command)?;
        gateway.wait_until_listening(self.address())?;
        self.gateway = Some(gateway);
        Ok(())
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }
}

/// How it went for the gateways.
#[derive(Default)]
pub(super) struct Ended {
    /// Reloads that took effect, and those that were refused.
    reloads: Vec<(u64, u64)>,
    /// Logs of those that did not end when told to.
    staying: Vec<String>,
}

impl Ended {
    /// What went wrong.
    pub(super) fn faults(&self) -> Vec<String> {
        let idle = self
            .reloads
            .iter()
            .filter(|(done, refused)| *done == 0 || *refused == 0);
        let idle = idle.map(|_| String::from("a gateway has not followed its configuration"));
        let staying = self.staying.iter();
        let staying = staying.map(|log| format!("a gateway did not end when told to\n{log}"));
        idle.chain(staying).collect()
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (done, refused) in &self.reloads {
            writeln!(f, "a gateway: {done} reloads, {refused} refused")?;
        }
        Ok(())
    }
}

/// The gateway as it is shipped, or that of the profile of this program.
fn binary(quick: bool) -> Result<PathBuf, Failure> {
    if quick || std::env::var_os("ZTAG_GATEWAY").is_some() {
        return gateway_binary();
    }
    execute(&mut cargo(&["build", "--release", "--package", "gateway"]))?;
    Ok(target_folder().join("release/gateway"))
}

/// The value of a series in the text of metrics; 0 when it is not there.
fn count(metrics: &str, series: &str) -> u64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(series));
    value
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn told(error: impl ToString) -> Failure {
    Failure::new(error.to_string())
}
