//! The connection, and the task that keeps it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, TlsCertificates,
};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{address, class_of};
use crate::error::OpenError;
use crate::spec::RedisSpec;

/// First and longest pause between two attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The connection as requests see it. Ends its task when dropped.
pub(crate) struct Link {
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    /// Present while believed to be good.
    connection: RwLock<Option<MultiplexedConnection>>,
    /// Rung when a request had reason to doubt the connection.
    doubt: Notify,
    trouble: Mutex<Option<String>>,
}

impl Link {
    /// Starts connecting in the background, from the runtime of the caller. With TLS, it makes
    /// aws-lc-rs the crypto provider of the process unless there is one.
    pub(super) fn open(spec: &RedisSpec, roots: Option<&[u8]>) -> Result<Self, OpenError> {
        let client = client(spec, roots)?;
        if spec.tls.enabled {
            // The client takes the provider of the process. An error says that there is one.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let state = Arc::new(State::default());
        let keep = keep_connected(client, Arc::clone(&state), spec.connect_timeout.get());
        Ok(Self {
            task: runtime.spawn(keep).abort_handle(),
            state,
        })
    }

    /// The connection, while it is believed to be good.
    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        self.state.connection.read().clone()
    }

    /// Reports what went wrong. A `broken` connection is withdrawn until it answers again.
    pub(super) fn complain(&self, class: String, broken: bool) {
        *self.state.trouble.lock() = Some(class);
        if broken {
            self.state.withdraw();
            self.state.doubt.notify_one();
        }
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.state.trouble.lock().clone()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("available", &self.connection().is_some())
            .finish_non_exhaustive()
    }
}

impl State {
    fn publish(&self, connection: &MultiplexedConnection) {
        *self.trouble.lock() = None;
        *self.connection.write() = Some(connection.clone());
    }

    fn withdraw(&self) {
        *self.connection.write() = None;
    }
}

fn client(spec: &RedisSpec, roots: Option<&[u8]>) -> Result<Client, OpenError> {
    let bad_address = || OpenError::Address(spec.address.clone());
    let (host, port) = address::parse(&spec.address).ok_or_else(bad_address)?;
    let mut login = RedisConnectionInfo::default().set_db(spec.db.into());
    if !spec.username.is_empty() {
        login = login.set_username(&spec.username);
    }
    if !spec.password.expose().is_empty() {
        login = login.set_password(spec.password.expose());
    }
    let host = host.to_owned();
    let address = if spec.tls.enabled {
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let target = address.into_connection_info().map_err(|_| bad_address())?;
    let target = target.set_redis_settings(login);
    match (spec.tls.enabled, roots) {
        (true, Some(roots)) => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(roots.to_vec()),
            };
            Client::build_with_tls(target, certificates)
                .map_err(|error| OpenError::Authorities(error.to_string()))
        }
        _ => Client::open(target).map_err(|_| bad_address()),
    }
}

async fn keep_connected(client: Client, state: Arc<State>, patience: Duration) {
    let (shortest, longest) = PAUSES;
    let mut pause = shortest;
    loop {
        match connect(&client, patience).await {
            Ok(connection) => {
                pause = shortest;
                tracing::info!("cache connected");
                watch(connection, &state, patience).await;
                tracing::warn!("cache connection lost");
            }
            Err(class) => {
                // Once per class: attempts go on for as long as the outage does.
                if state.trouble.lock().replace(class.clone()).as_ref() != Some(&class) {
                    tracing::warn!(trouble = %class, "cache unavailable, nothing is remembered");
                }
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(longest);
            }
        }
    }
}

async fn connect(client: &Client, patience: Duration) -> Result<MultiplexedConnection, String> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(None);
    // The handshake includes AUTH and SELECT, which its own timeout does not cover.
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    match tokio::time::timeout(patience, connecting).await {
        Ok(connected) => connected.map_err(|error| class_of(&error)),
        Err(_elapsed) => Err("connecting timed out".to_owned()),
    }
}

/// Offers the connection to requests until it no longer answers. One that was doubted comes back
/// once it has answered again.
async fn watch(mut connection: MultiplexedConnection, state: &State, patience: Duration) {
    loop {
        state.publish(&connection);
        state.doubt.notified().await;
        state.withdraw();
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(patience, ping.query_async(&mut connection)).await;
        let answer: Result<Result<redis::Value, RedisError>, _> = answer;
        if !matches!(answer, Ok(Ok(_))) {
            return;
        }
    }
}
