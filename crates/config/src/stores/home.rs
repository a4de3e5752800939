//! Where stores of relationships are written down.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ztag_fga_store::{Encryption, PostgresAddress, PostgresSettings, SchemaName};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::fga_spec::FgaPostgresSpec;
use crate::load::{FgaPaths, Loaded};

/// How often others may be followed.
const POLL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_mins(1);

/// Where stores of relationships are written down.
#[derive(Debug)]
pub(crate) enum FgaHome {
    /// Nowhere.
    Memory,
    /// In a folder of this process.
    Folder(PathBuf),
    /// In a database that processes share.
    Database(Box<PostgresSettings>),
}

/// Where they shall be. `None` when that cannot be, with findings.
pub(crate) fn fga_home(loaded: &Loaded, findings: &mut Findings) -> Option<FgaHome> {
    let spec = &loaded.server.as_ref()?.fga;
    let at = ConfigPath::root().key("server").key("fga");
    let paths = &loaded.fga_places;
    match (&paths.folder, &spec.postgres) {
        (None, None) => Some(FgaHome::Memory),
        (Some(folder), None) => Some(FgaHome::Folder(folder.clone())),
        (None, Some(postgres)) => {
            let settings = database(postgres, paths, &at.key("postgres"), findings)?;
            Some(FgaHome::Database(Box::new(settings)))
        }
        (Some(_), Some(_)) => {
            let message = "`folder` and `postgres` exclude each other";
            let found = Diagnostic::error(Code::Conflict, &at.key("postgres"), message);
            findings.push(found.hint("`postgres.images` is the folder of a shared database"));
            None
        }
    }
}

fn database(
    spec: &FgaPostgresSpec,
    paths: &FgaPaths,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<PostgresSettings> {
    let address = address(spec, &at.key("url"), findings);
    let schema = spec.schema.parse::<SchemaName>().map_err(|error| {
        let message = format!("`{}` is no name of a schema", spec.schema);
        Diagnostic::error(Code::InvalidValue, &at.key("schema"), message).hint(error.to_string())
    });
    let schema = findings.keep(schema);
    let poll_every = spec.poll_interval.get();
    if !POLL.contains(&poll_every) {
        let message = "`pollInterval` is not between 10 milliseconds and 1 minute";
        let at = at.key("pollInterval");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        return None;
    }
    let mut address = address?;
    if let Some(password) = &spec.password {
        address = address.with_password(password.clone());
    }
    if let Some(file) = &paths.ca_file {
        address = address.with_root(file);
    }
    Some(PostgresSettings {
        schema: schema?,
        images: paths.images.clone(),
        poll_every,
        ..PostgresSettings::new(address)
    })
}

/// The address, which no message shows: it may hold a password.
fn address(
    spec: &FgaPostgresSpec,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<PostgresAddress> {
    if spec.url.expose().is_empty() {
        let message = "a database needs an address";
        let found = Diagnostic::error(Code::MissingKey, at, message);
        findings.push(found.hint("such as `postgres://ztag@db.example.com/ztag`"));
        return None;
    }
    let parsed = spec.url.expose().parse::<PostgresAddress>();
    let parsed = parsed.map_err(|error| {
        let message = format!("the address of the database cannot be used: {error}");
        Diagnostic::error(Code::InvalidUrl, at, message)
    });
    let address = findings.keep(parsed)?;
    let is_open = matches!(
        address.encryption(),
        Encryption::Off | Encryption::Unverified
    );
    if is_open && !address.is_local() {
        let message = "whoever stands between can read and change who has which relation to what";
        let found = Diagnostic::warning(Code::Unsafe, at, message);
        findings
            .push(found.hint("write `sslmode=verify-full`, and name the authority by `caFile`"));
    }
    Some(address)
}
