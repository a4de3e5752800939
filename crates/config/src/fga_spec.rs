//! `fgaStores` as written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_fga_api::AccessSpec;
use ztag_fga_remote::RemoteSpec;
use ztag_fga_store::SchemaName;
use ztag_types::{DurationSpec, Secret};

/// A store of relationships: who has which relation to what.
///
/// What files say is part of the configuration: a change of theirs takes effect as one, with a
/// reload. A store that is `writable` begins with them and is changed through the API from then on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaStoreSpec {
    /// What the store is for, in your own words.
    pub description: String,
    /// The model, in the modelling language of `OpenFGA` or as JSON.
    pub model: Option<String>,
    /// File of the model, instead of `model`: the modelling language, JSON (`.json`), or modules
    /// (`fga.mod`).
    pub model_file: Option<PathBuf>,
    /// Tuples.
    pub tuples: Vec<FgaFixedTupleSpec>,
    /// Files of more of them: YAML, JSON (`.json`) or CSV (`.csv`); each of 64 MiB at the most.
    pub tuple_files: Vec<PathBuf>,
    /// Whether the store is changed while running, through the API of `server.fga`. What is written
    /// here of its model and tuples is what it begins with, as long as it has no model.
    pub writable: bool,
    /// A store of a server, instead of one of this process.
    pub remote: Option<RemoteSpec>,
    /// Id of the store in the API, a ULID. Without it one that follows from the name.
    pub id: Option<String>,
}

/// A tuple of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaFixedTupleSpec {
    /// Who: `type:id`, `type:*` or `type:id#relation`.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// To what: `type:id`.
    pub object: String,
    /// When.
    pub condition: Option<FgaFixedConditionSpec>,
}

/// A condition that a tuple of a store depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaFixedConditionSpec {
    /// A condition of the model.
    pub name: String,
    /// Parameters that the tuple fixes, by name.
    pub context: serde_json::Map<String, serde_json::Value>,
}

/// Where the stores of `fgaStores` that are `writable` are kept, and who may change them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaServerSpec {
    /// A folder in which they are written down, which one process uses at a time. Without it and
    /// without `postgres` they are kept in memory: what was written is gone with the process.
    pub folder: Option<PathBuf>,
    /// A `PostgreSQL` database in which they are written down, instead of a folder. Any number of
    /// processes may share it.
    pub postgres: Option<FgaPostgresSpec>,
    /// The HTTP API of `OpenFGA`. Without it nobody changes them.
    pub api: Option<FgaApiSpec>,
}

/// A database in which stores are written down, and how others that write to it are followed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaPostgresSpec {
    /// The server, the database, and who we are there: `postgres://user@host:5432/database`.
    /// Parameters are `sslmode` (`verify-full` where nothing is said and the server is another
    /// machine; else `verify-ca`, `require` or `disable`), `sslrootcert`, `sslcert` and `sslkey`
    /// (files), and for a socket `host` (its folder) and `user`.
    pub url: Secret<String>,
    /// The password, unless it stands in the address.
    pub password: Option<Secret<String>>,
    /// Schema of the tables, which is made if it is not there: small letters, digits and `_`.
    pub schema: String,
    /// File of the authorities (PEM) that may vouch for the server, beside the well-known ones.
    pub ca_file: Option<PathBuf>,
    /// A folder for images of the stores, which one process uses at a time. They make a start fast
    /// and may be lost; without a folder, every start reads all changes.
    pub images: Option<PathBuf>,
    /// How often to ask what others wrote, between 10 milliseconds and 1 minute. The database tells
    /// within milliseconds; this is how late it can be when it does not.
    pub poll_interval: DurationSpec,
}

impl Default for FgaPostgresSpec {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            password: None,
            schema: SchemaName::default().to_string(),
            ca_file: None,
            images: None,
            poll_interval: DurationSpec::new(Duration::from_secs(1)),
        }
    }
}

/// The HTTP API of `OpenFGA` for the stores that are `writable`, and for those that callers make,
/// which no rule knows.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaApiSpec {
    /// A listener of its own. Without it the API is served by the admin listener.
    pub listen: Option<FgaListenSpec>,
    /// What callers must show.
    pub access: Option<AccessSpec>,
    /// Whether everybody who reaches the listener may call, instead of `access`.
    pub open: bool,
}

/// A listener of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaListenSpec {
    /// Address to bind.
    pub address: IpAddr,
    /// Port to bind; 0 lets the system choose.
    pub port: u16,
}

impl Default for FgaListenSpec {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8081,
        }
    }
}

impl FgaListenSpec {
    /// Address and port.
    pub const fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}
