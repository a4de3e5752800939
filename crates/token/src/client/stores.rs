//! Where tokens of ours are kept: places that outlive configurations.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use ztag_backend::Client;
use ztag_types::Clock;

use crate::client::credentials::{CredentialsRequest, OwnToken};
use crate::client::exchange::ExchangedTokens;
use crate::client::server::Server;

/// Most bytes of exchanged tokens that are remembered for one server and client.
const MAX_EXCHANGED: u64 = 16 * 1024 * 1024;

/// The tokens of our own, whoever asked for them: a reload asks for none anew, and neither does a
/// new private key.
#[derive(Debug)]
pub struct TokenStores {
    pub(crate) client: Arc<Client>,
    pub(crate) clock: Arc<dyn Clock>,
    own: Shelf<(Server, CredentialsRequest), OwnToken>,
    exchanged: Shelf<Server, ExchangedTokens>,
}

impl TokenStores {
    /// No tokens yet; they will be asked for through `client`.
    pub const fn new(client: Arc<Client>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            clock,
            own: Shelf::new(),
            exchanged: Shelf::new(),
        }
    }

    pub(crate) fn own(&self, server: &Server, request: &CredentialsRequest) -> Arc<OwnToken> {
        let key = (server.clone(), request.clone());
        self.own.open(key, OwnToken::default)
    }

    pub(crate) fn exchanged(&self, server: &Server) -> Arc<ExchangedTokens> {
        let new = || ExchangedTokens::new(MAX_EXCHANGED);
        self.exchanged.open(server.clone(), new)
    }
}

/// Places by what they are for. Bounded by the configuration: what no plan uses is taken away.
#[derive(Debug)]
struct Shelf<K, P>(Mutex<Vec<(K, Weak<P>)>>);

impl<K: PartialEq, P> Shelf<K, P> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The place for `key`, the one of an earlier configuration if it asked for the same.
    fn open(&self, key: K, new: impl FnOnce() -> P) -> Arc<P> {
        let mut places = self.0.lock();
        places.retain(|(_, place)| place.strong_count() > 0);
        let known = places.iter().find(|(own, _)| *own == key);
        if let Some(place) = known.and_then(|(_, place)| place.upgrade()) {
            return place;
        }
        let place = Arc::new(new());
        places.push((key, Arc::downgrade(&place)));
        place
    }
}
