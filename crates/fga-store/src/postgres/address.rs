//! Where a server is, and who we are there.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{Host, Url};
use ztag_types::Secret;

use super::SchemaName;

/// Where a server listens if nothing is said.
const PORT: u16 = 5432;

/// A server, a database there, and who we are: `postgres://user:password@host:port/database`.
///
/// Parameters behind `?` are `sslmode` (`disable`, `require`, `verify-ca`, `verify-full`),
/// `sslrootcert`, `sslcert`, `sslkey` (files), and for a socket `host` (its folder) and `user`. Without
/// `sslmode` a server elsewhere must show a certificate that names it; one of this machine need not
/// encrypt. The environment is not asked for what is missing.
#[derive(Clone, Debug)]
pub struct PostgresAddress {
    place: Place,
    port: u16,
    user: String,
    password: Option<Secret<String>>,
    database: String,
    encryption: Encryption,
    root: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Host(String),
    /// The folder of a socket.
    Socket(PathBuf),
}

/// What a connection must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Plain text.
    Off,
    /// Encrypted if the server can; for servers of this machine.
    Opportunistic,
    /// Encrypted, whoever the server is.
    Unverified,
    /// Encrypted, with a certificate of somebody trusted, whatever name it has.
    AnyName,
    /// Encrypted, with a certificate of somebody trusted that names the server.
    Full,
}

/// What is wrong with an address. It never holds the address, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `postgres://`.
    #[error("it does not begin with `postgres://`")]
    Scheme,
    /// No URL.
    #[error("it is not a URL: {0}")]
    Syntax(url::ParseError),
    /// Nobody is named.
    #[error("it names no user")]
    User,
    /// Neither a host nor a socket is named.
    #[error("it names no host")]
    Host,
    /// No database is named.
    #[error("it names no database")]
    Database,
    /// A part that is no text.
    #[error("its {0} is not UTF-8")]
    Text(&'static str),
    /// A parameter that is not known, or stands twice.
    #[error("it has a parameter `{0}`, which is not known or stands twice")]
    Parameter(String),
    /// A way of encrypting that is not known, or not safe.
    #[error("its `sslmode` is none of `disable`, `require`, `verify-ca` and `verify-full`")]
    Encryption,
    /// One of two files.
    #[error("`sslcert` and `sslkey` go together")]
    Identity,
}

impl PostgresAddress {
    /// Whether the server is this machine.
    pub fn is_local(&self) -> bool {
        match &self.place {
            Place::Socket(_) => true,
            Place::Host(host) => {
                let address = host.parse::<IpAddr>();
                host == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// What a connection must be like.
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The same, where servers are trusted that show a certificate of the authorities in this file.
    #[must_use]
    pub fn with_root(self, file: &Path) -> Self {
        Self {
            root: Some(file.to_owned()),
            ..self
        }
    }

    /// The same, with this password.
    #[must_use]
    pub fn with_password(self, password: Secret<String>) -> Self {
        Self {
            password: Some(password),
            ..self
        }
    }

    /// How to connect. Nothing is left to the environment.
    pub(super) fn options(&self, schema: &SchemaName, statement: Duration) -> PgConnectOptions {
        let bound = statement.as_millis().to_string();
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .password(self.password.as_ref().map_or("", |own| own.expose()))
            .database(&self.database)
            .ssl_mode(self.encryption.into())
            .application_name("ztag")
            .options([
                ("search_path", schema.as_str()),
                ("statement_timeout", &bound),
                ("lock_timeout", &bound),
                ("idle_in_transaction_session_timeout", "600000"),
                ("default_transaction_isolation", "read committed"),
            ])
            .disable_statement_logging();
        options = match &self.place {
            Place::Host(host) => options.host(host),
            Place::Socket(folder) => options.host("localhost").socket(folder),
        };
        if let Some(root) = &self.root {
            options = options.ssl_root_cert(root);
        }
        if let Some((certificate, key)) = &self.identity {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        options
    }
}

impl FromStr for PostgresAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            return Err(AddressError::Scheme);
        }
        let url = Url::parse(text).map_err(AddressError::Syntax)?;
        let parameters = Parameters::read(&url)?;
        let place = place(&url, parameters.host)?;
        let user = match parameters.user {
            Some(user) if url.username().is_empty() => user,
            Some(_) => return Err(AddressError::Parameter("user".into())),
            None => decoded(url.username(), "user")?,
        };
        let database = decoded(url.path().trim_start_matches('/'), "database")?;
        if user.is_empty() {
            return Err(AddressError::User);
        }
        if database.is_empty() {
            return Err(AddressError::Database);
        }
        let password = url.password().map(|own| decoded(own, "password"));
        let identity = match (parameters.certificate, parameters.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(AddressError::Identity),
        };
        let mut address = Self {
            place,
            port: url.port().unwrap_or(PORT),
            user,
            password: password.transpose()?.map(Secret::new),
            database,
            encryption: Encryption::Full,
            root: parameters.root,
            identity,
        };
        address.encryption = match parameters.encryption {
            Some(encryption) => encryption,
            None if address.is_local() => Encryption::Opportunistic,
            None => Encryption::Full,
        };
        Ok(address)
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Host(host) => write!(f, "postgres://{host}:{}/{}", self.port, self.database),
            Place::Socket(folder) => {
                write!(f, "postgres:///{}?host={}", self.database, folder.display())
            }
        }
    }
}

impl From<Encryption> for PgSslMode {
    fn from(own: Encryption) -> Self {
        match own {
            Encryption::Off => Self::Disable,
            Encryption::Opportunistic => Self::Prefer,
            Encryption::Unverified => Self::Require,
            Encryption::AnyName => Self::VerifyCa,
            Encryption::Full => Self::VerifyFull,
        }
    }
}

#[derive(Default)]
struct Parameters {
    host: Option<PathBuf>,
    user: Option<String>,
    encryption: Option<Encryption>,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Parameters {
    fn read(url: &Url) -> Result<Self, AddressError> {
        let mut own = Self::default();
        for (key, value) in url.query_pairs() {
            let place = match key.as_ref() {
                "host" => &mut own.host,
                "sslrootcert" => &mut own.root,
                "sslcert" => &mut own.certificate,
                "sslkey" => &mut own.key,
                "user" if own.user.is_none() => {
                    own.user = Some(value.into_owned());
                    continue;
                }
                "sslmode" if own.encryption.is_none() => {
                    own.encryption = Some(encryption(&value)?);
                    continue;
                }
                _ => return Err(AddressError::Parameter(key.into_owned())),
            };
            if place.replace(PathBuf::from(value.as_ref())).is_some() {
                return Err(AddressError::Parameter(key.into_owned()));
            }
        }
        Ok(own)
    }
}

fn encryption(mode: &str) -> Result<Encryption, AddressError> {
    match mode {
        "disable" => Ok(Encryption::Off),
        "require" => Ok(Encryption::Unverified),
        "verify-ca" => Ok(Encryption::AnyName),
        "verify-full" => Ok(Encryption::Full),
        // `allow` and `prefer` let whoever stands between choose.
        _ => Err(AddressError::Encryption),
    }
}

fn place(url: &Url, socket: Option<PathBuf>) -> Result<Place, AddressError> {
    let host = match url.host() {
        Some(Host::Domain(name)) => decoded(name, "host")?,
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => String::new(),
    };
    match socket {
        Some(folder) if host.is_empty() => Ok(Place::Socket(folder)),
        Some(_) => Err(AddressError::Parameter("host".into())),
        None if host.is_empty() => Err(AddressError::Host),
        None => Ok(Place::Host(host)),
    }
}

fn decoded(part: &str, name: &'static str) -> Result<String, AddressError> {
    let decoded = percent_decode_str(part).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| AddressError::Text(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PostgresAddress, AddressError> {
        text.parse()
    }

    #[test]
    fn addresses() {
        for (text, shown, encryption) in [
            (
                "postgres://ztag:p%40ss@db.example:6432/fga",
                "postgres://db.example:6432/fga",
                Encryption::Full,
            ),
            (
                "postgresql://ztag@127.0.0.1/fga",
                "postgres://127.0.0.1:5432/fga",
                Encryption::Opportunistic,
            ),
            (
                "postgres://ztag@[::1]/fga?sslmode=require",
                "postgres://::1:5432/fga",
                Encryption::Unverified,
            ),
            (
                "postgres:///fga?host=/run/postgresql&user=ztag",
                "postgres:///fga?host=/run/postgresql",
                Encryption::Opportunistic,
            ),
            (
                "postgres://ztag@10.0.0.1/fga?sslmode=disable",
                "postgres://10.0.0.1:5432/fga",
                Encryption::Off,
            ),
        ] {
            let address = read(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.encryption(), encryption, "{text}");
        }
        let address = read("postgres://ztag:p%40ss@db.example/fga").unwrap();
        assert_eq!(address.password, Some(Secret::new("p@ss".to_owned())));
        assert!(!address.is_local());
    }

    #[test]
    fn addresses_that_weaken_are_refused() {
        for (text, expected) in [
            ("mysql://a@b/c", AddressError::Scheme),
            ("postgres:a@b/c", AddressError::Scheme),
            ("postgres://b/c", AddressError::User),
            ("postgres://a@b", AddressError::Database),
            ("postgres:///c?user=a", AddressError::Host),
            ("postgres://a@b/c?sslmode=prefer", AddressError::Encryption),
            ("postgres://a@b/c?sslmode=allow", AddressError::Encryption),
            (
                "postgres://a@b/c?sslmode=verify-full&sslmode=disable",
                AddressError::Parameter("sslmode".into()),
            ),
            (
                "postgres://a@b/c?options=-c",
                AddressError::Parameter("options".into()),
            ),
            (
                "postgres://a@b/c?host=/tmp",
                AddressError::Parameter("host".into()),
            ),
            (
                "postgres://a@b/c?user=d",
                AddressError::Parameter("user".into()),
            ),
            ("postgres://a@b/c?sslcert=x", AddressError::Identity),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn attack_56_a_password_is_never_shown() {
        let address = read("postgres://ztag:hunter2@db.example/fga").unwrap();
        let shown = format!("{address} {address:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        for broken in [
            "postgres://ztag:hunter2@db:x/fga",
            "postgres://ztag:hunter2@db",
        ] {
            let error = read(broken).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
