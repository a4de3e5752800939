//! Whom to ask: a server, or a store file.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{StringValueParser, TypedValueParser};
use url::Url;
use ztag_fga::Store;
use ztag_types::Secret;

use super::load;
use super::remote::Remote;
use super::trouble::Trouble;

#[derive(Debug, Args)]
pub(super) struct TargetArguments {
    /// A store file, instead of a server.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    file: Option<PathBuf>,

    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub(super) struct ServerArguments {
    /// Address of a server, such as `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL", env = "FGA_API_URL")]
    server: Option<Url>,

    /// The store.
    #[arg(long, value_name = "ID", env = "FGA_STORE_ID")]
    store_id: Option<String>,

    /// The model; without it the latest.
    #[arg(long, value_name = "ID", env = "FGA_MODEL_ID")]
    model_id: Option<String>,

    /// A preshared key or token. Better in the environment than on the command line.
    #[arg(long, value_name = "TOKEN", env = "FGA_API_TOKEN", hide_env_values = true, value_parser = secret())]
    token: Option<Secret<String>>,
}

/// Takes what must not be shown.
pub(super) fn secret() -> impl TypedValueParser<Value = Secret<String>> {
    StringValueParser::new().map(Secret::new)
}

/// Whom to ask.
pub(super) enum Target {
    /// A store in memory.
    Local(Box<Store>),
    /// A store of a server.
    Remote(Box<Remote>),
}

impl TargetArguments {
    /// Loads the file, or makes ready to ask the server.
    pub(super) fn open(&self) -> Result<Target, Trouble> {
        match &self.file {
            Some(path) => {
                let store = load::store_file(path)?.store()?;
                Ok(Target::Local(Box::new(store)))
            }
            None => Ok(Target::Remote(Box::new(self.server.open()?))),
        }
    }
}

impl ServerArguments {
    /// Makes ready to ask the server.
    pub(super) fn open(&self) -> Result<Remote, Trouble> {
        let (Some(server), Some(store)) = (&self.server, &self.store_id) else {
            return Err(Trouble::new(
                "needs `--server` and `--store-id`, or `--file`",
            ));
        };
        Remote::new(server, store, self.model_id.clone(), self.token.clone())
    }
}
