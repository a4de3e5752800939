//! The client.

use tokio::time::timeout;
use ztag_types::{ConfigPath, Findings};

use crate::call::{Call, PageReply, Pages};
use crate::compile::{LONGEST_WAIT, Settings, compile};
use crate::connect::Connector;
use crate::dial::Alpn;
use crate::error::{BackendError, Failure, FailureKind};
use crate::exchange::Exchange;
use crate::outbound::Outbound;
use crate::paging;
use crate::pool::Pool;
use crate::spec::{ClientSpec, TlsSpec};
use crate::tls::{Tls, TlsMaterial};

/// The one door out. Holds its connections; make few and keep them.
pub struct Client {
    settings: Settings,
    connector: Connector,
    pool: Pool,
}

impl Client {
    /// A client as `spec` says.
    ///
    /// # Errors
    /// Everything that is wrong with `spec` or `material`.
    pub fn new(spec: &ClientSpec, material: TlsMaterial) -> Result<Self, BackendError> {
        let mut findings = Findings::new();
        Self::compile(spec, material, &ConfigPath::root(), &mut findings)
            .ok_or_else(|| BackendError::new(findings.into_vec()))
    }

    /// A client as `spec`, standing at `at`, says. `None` when something is wrong, with findings.
    pub fn compile(
        spec: &ClientSpec,
        material: TlsMaterial,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        compile(spec, material, at, findings).map(Self::from_settings)
    }

    /// A client like this one, with TLS as `spec`, standing at `at`, says, and connections of its
    /// own. `None` when something is wrong, with findings.
    pub fn with_tls(
        &self,
        spec: &TlsSpec,
        material: TlsMaterial,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let tls = Tls::compile(spec, material, Alpn::Http1, at, findings)?;
        Some(Self::from_settings(Settings {
            tls,
            ..self.settings.clone()
        }))
    }

    /// Sends `call` and returns the reply with all its pages.
    ///
    /// Whatever the status, a reply is a reply: only its absence is a failure. Redirects are not
    /// followed. Dropping the future closes the connection in use. Needs a tokio runtime with I/O
    /// and time.
    ///
    /// # Errors
    /// The class of what went wrong, without any page.
    pub async fn send(&self, call: Call) -> Result<Pages, Failure> {
        let mut progress = Progress::default();
        let limit = call.timeout.min(LONGEST_WAIT);
        let outcome = timeout(limit, self.fetch(call, &mut progress)).await;
        match outcome.unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout))) {
            Ok(pages) => Ok(Pages {
                pages,
                attempts: progress.attempts,
            }),
            Err(failure) => Err(failure.after(progress.attempts, progress.pages)),
        }
    }

    async fn fetch(&self, call: Call, progress: &mut Progress) -> Result<Vec<PageReply>, Failure> {
        let outbound = Outbound::new(call.method, call.headers, call.body, &call.url)?;
        let origin = self.pool.origin(&call.url);
        let exchange = Exchange {
            connector: &self.connector,
            origin: &origin,
            outbound: &outbound,
            retries: call.retries,
        };
        let mut room = call.max_body;
        let mut pages: Vec<PageReply> = Vec::with_capacity(1);
        let mut url = call.url;
        loop {
            let page = exchange.page(&url, room, &mut progress.attempts).await?;
            room -= page.body.len();
            progress.pages += 1;
            pages.push(page);
            match paging::next(&call.pagination, &pages)? {
                Some(next) => url = next,
                None => return Ok(pages),
            }
        }
    }

    fn from_settings(settings: Settings) -> Self {
        Self {
            connector: Connector::new(settings.clone()),
            pool: Pool::new(&settings),
            settings,
        }
    }
}

/// How far a call has come, for whoever asks after it failed.
#[derive(Default)]
struct Progress {
    attempts: u32,
    pages: u32,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
