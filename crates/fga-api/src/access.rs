//! Who may call, and which stores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use ztag_fga_store::StoreId;
use ztag_token::{AcceptedToken, Issuer, KeyStores, Places, Verifier};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::failure::Failure;
use crate::spec::{AccessSpec, KeySpec};

/// Bytes of a preshared key at the least.
const SHORTEST_KEY: usize = 16;
/// Claims that name the client of a token, in this order.
const CLIENT_CLAIMS: [&str; 3] = ["azp", "client_id", "sub"];

/// Decides who may call.
#[derive(Debug)]
pub struct Access(Option<Guard>);

/// What callers must show.
#[derive(Debug)]
struct Guard {
    keys: Vec<Key>,
    verifier: Option<Verifier>,
    /// By client; every client may call everything where nothing is said of any.
    clients: BTreeMap<String, Grant>,
}

#[derive(Debug)]
struct Key {
    /// Compared instead of the key: of one length, and in constant time.
    digest: Digest,
    grant: Grant,
}

/// The stores that a caller may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// All of them, and those to be made.
    All,
    /// These.
    Stores(Arc<BTreeSet<StoreId>>),
}

impl Grant {
    /// Whether the store of this id is among them.
    pub(crate) fn covers(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Stores(stores) => StoreId::parse(id).is_some_and(|id| stores.contains(&id)),
        }
    }
}

impl Access {
    /// Everybody may call everything.
    pub const fn open() -> Self {
        Self(None)
    }

    /// Whether everybody may call everything.
    pub const fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Compiles what is written; keys of issuers come from `stores`. `None` where something is
    /// wrong, which `findings` then tell.
    pub fn compile(
        spec: &AccessSpec,
        stores: &KeyStores,
        places: Places,
        path: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        if spec.keys.is_empty() && spec.issuers.is_empty() {
            let message = "neither `keys` nor `issuers`: nobody could call";
            findings.push(Diagnostic::error(Code::InvalidValue, path, message));
            return None;
        }
        let keys = spec.keys.iter().enumerate().map(|(index, key)| {
            let path = path.key("keys").index(index);
            compile_key(key, &path, findings)
        });
        let keys: Vec<_> = keys.collect();
        let issuers = spec.issuers.iter().enumerate().map(|(index, issuer)| {
            let path = path.key("issuers").index(index);
            Issuer::compile(issuer, stores, &path, findings)
        });
        let issuers: Vec<_> = issuers.collect();
        let clients = spec.clients.iter().map(|(client, spec)| {
            let path = path.key("clients").key(client).key("stores");
            Some((client.clone(), grant(&spec.stores, &path, findings)?))
        });
        let clients: Vec<_> = clients.collect();
        let issuers: Vec<_> = issuers.into_iter().collect::<Option<_>>()?;
        Some(Self(Some(Guard {
            keys: keys.into_iter().collect::<Option<_>>()?,
            verifier: (!issuers.is_empty()).then(|| Verifier::new(issuers, places)),
            clients: clients.into_iter().collect::<Option<_>>()?,
        })))
    }

    /// What the caller may do.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Grant, Failure> {
        let Some(guard) = &self.0 else {
            return Ok(Grant::All);
        };
        let token = bearer(headers)?;
        if let Some(grant) = guard.by_key(token) {
            return Ok(grant);
        }
        let Some(verifier) = &guard.verifier else {
            return Err(Failure::unauthenticated("unauthenticated"));
        };
        let accepted = verifier.verify(token).await;
        let accepted = accepted.map_err(|refusal| {
            tracing::debug!(%refusal, "token refused");
            Failure::invalid_claims("invalid bearer token")
        })?;
        guard.by_client(&accepted)
    }
}

impl Guard {
    /// Compares with every key, whether or not one was found.
    fn by_key(&self, token: &str) -> Option<Grant> {
        let shown = digest(&SHA256, token.as_bytes());
        let mut found = None;
        for key in &self.keys {
            if verify_slices_are_equal(key.digest.as_ref(), shown.as_ref()).is_ok() {
                found = Some(&key.grant);
            }
        }
        found.cloned()
    }

    fn by_client(&self, accepted: &AcceptedToken) -> Result<Grant, Failure> {
        if self.clients.is_empty() {
            return Ok(Grant::All);
        }
        let claims = accepted.claims();
        let mut names = CLIENT_CLAIMS.iter();
        let client = names.find_map(|name| claims.text(name).transpose());
        let client = client.and_then(Result::ok);
        let grant = client.and_then(|client| self.clients.get(client));
        grant.cloned().ok_or_else(forbidden)
    }
}

/// A caller that is known and may not do this.
pub(crate) fn forbidden() -> Failure {
    Failure::forbidden("the principal is not authorized to perform the action")
}

/// The bearer token (RFC 6750 section 2.1) of the one `Authorization` field.
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let missing = || Failure::bearer_token_missing("missing bearer token");
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return Err(missing());
    };
    let text = field.to_str().map_err(|_| missing())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    Some(token.trim_start())
        .filter(|token| !token.is_empty())
        .ok_or_else(missing)
}

fn compile_key(spec: &KeySpec, path: &ConfigPath, findings: &mut Findings) -> Option<Key> {
    let key = spec.key.expose();
    if key.len() < SHORTEST_KEY || key.contains(|c: char| !c.is_ascii_graphic()) {
        let message = format!("not {SHORTEST_KEY} or more visible ASCII characters");
        let path = path.key("key");
        findings.push(Diagnostic::error(Code::InvalidValue, &path, message));
        return None;
    }
    Some(Key {
        digest: digest(&SHA256, key.as_bytes()),
        grant: grant(&spec.stores, &path.key("stores"), findings)?,
    })
}

fn grant(stores: &[String], path: &ConfigPath, findings: &mut Findings) -> Option<Grant> {
    if stores.is_empty() {
        return Some(Grant::All);
    }
    let mut ids = BTreeSet::new();
    for (index, store) in stores.iter().enumerate() {
        let Some(id) = StoreId::parse(store) else {
            let message = format!("`{store}` is not the id of a store");
            let path = path.index(index);
            findings.push(Diagnostic::error(Code::InvalidValue, &path, message));
            return None;
        };
        ids.insert(id);
    }
    Some(Grant::Stores(Arc::new(ids)))
}
