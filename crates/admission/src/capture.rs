//! From the request on our own connection to the snapshot that everybody judges.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{FORWARDED, HOST};
use http::{HeaderMap, Method, Uri};
use smol_str::{SmolStr, SmolStrBuilder};
use ztag_types::{
    Body, Client, ClientCertificate, Headers, Query, RequestLine, Snapshot, Subrequest, Timestamp,
};

use crate::body;
use crate::canonical::{self, Host, names_of};
use crate::correlation::correlation;
use crate::error::{Fault, Refused};
use crate::forwarded::direct::own_target;
use crate::forwarded::{Dialect, Words, agreed_chain, own_words, text};
use crate::policy::CapturePolicy;
use crate::route_target::Located;
use crate::screen;
use crate::text as written;

/// A request as it arrived on our own connection.
#[derive(Debug)]
pub struct Hop {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub uri: Uri,
    /// Its header fields, taken over whole.
    pub headers: HeaderMap,
    /// Its body, buffered; empty when no rule reads it ([`CapturePolicy::reads_body`]).
    pub body: Bytes,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted; only the `direct` dialect asks.
    pub encrypted: bool,
    /// The certificate that the client proved to hold on our own connection.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// Bytes of the path that are our own route, such as those of `/api/auth`; only the `envoy`
    /// dialect asks.
    pub mount: usize,
    /// When it arrived.
    pub received: Timestamp,
    /// By what its route was found, where one was looked for; only the `direct` dialect asks. Of
    /// this very request, or it is judged for another.
    pub located: Option<Located>,
}

/// Captures `hop`, or refuses what cannot be believed or can be read in two ways.
pub fn capture(hop: Hop, policy: &CapturePolicy) -> Result<Snapshot, Refused> {
    let correlation = correlation(&hop.headers, policy.correlation());
    let (peer, received) = (hop.peer, hop.received);
    read(hop, policy, &correlation).map_err(|fault| Refused {
        fault,
        status: fault.status(),
        correlation,
        peer,
        received,
    })
}

fn read(mut hop: Hop, policy: &CapturePolicy, correlation: &SmolStr) -> Result<Snapshot, Fault> {
    let metadata = screen::screen(&hop.headers, policy)?;
    screen::unify(&mut hop.headers, policy)?;
    let (line, query, client) = match original(&hop, policy, metadata) {
        Err(fault) if policy.forgives(fault) => {
            screen::strip(&mut hop.headers, policy);
            let (line, query) = own_line(&hop, policy)?;
            let client = Client {
                proxy_stripped: metadata,
                ..peer_alone(&hop)
            };
            (line, query, client)
        }
        other => other?,
    };
    screen::strip_certificates(&mut hop.headers, policy);
    check_single(&line, &query, policy)?;
    let own_query = own_query(&hop, policy, &query)?;
    let body = if policy.reads_body() {
        body::read(hop.body, &hop.headers, policy.reads_text())?
    } else {
        Body::default()
    };
    Ok(Snapshot {
        subrequest: Subrequest {
            method: hop.method,
            path: shared(hop.uri.path(), &line.uri),
            target: hop.uri,
            host: own_host(&hop.headers, &line.host),
            query: own_query,
            remote_addr: written::socket(hop.peer),
            headers: Headers::new(hop.headers),
        },
        line,
        query,
        client,
        body,
        correlation: correlation.clone(),
        received: hop.received,
    })
}

/// The original request and its client, as far as they can be believed.
fn original(
    hop: &Hop,
    policy: &CapturePolicy,
    metadata: bool,
) -> Result<(RequestLine, Query, Client), Fault> {
    if policy.dialect() == Dialect::Direct && !metadata {
        let (line, query) = own_line(hop, policy)?;
        let mut client = peer_alone(hop);
        // A proxy that says nothing of its client speaks for somebody all the same.
        if client.certificate.is_some() && policy.trusted().contains(hop.peer.ip()) {
            client.certificate = None;
        }
        return Ok((line, query, client));
    }
    // INVARIANT: nothing that was forwarded is looked at before the peer is known to be trusted.
    if !policy.trusted().contains(hop.peer.ip()) {
        return Err(Fault::untrusted());
    }
    let client = forwarded_client(hop, policy)?;
    let (line, query) = canonical_line(policy.dialect().listen(hop)?, policy)?;
    Ok((line, query, client))
}

/// The request that nobody forwards.
fn own_line(hop: &Hop, policy: &CapturePolicy) -> Result<(RequestLine, Query), Fault> {
    let Some(located) = &hop.located else {
        return canonical_line(own_words(hop)?, policy);
    };
    let asked = Asked {
        method: hop.method.clone(),
        scheme: if hop.encrypted { "https" } else { "http" },
        host: located.host.clone(),
        target: own_target(&hop.uri)?,
        plain: located.plain,
    };
    asked.line(policy)
}

fn canonical_line(words: Words<'_>, policy: &CapturePolicy) -> Result<(RequestLine, Query), Fault> {
    let asked = Asked {
        method: canonical::method(words.method)?,
        scheme: canonical::scheme(words.scheme)?,
        host: canonical::host(words.host)?,
        target: words.target,
        plain: false,
    };
    asked.line(policy)
}

/// A request line of which all is canonical but its target.
struct Asked<'h> {
    method: Method,
    scheme: &'static str,
    host: Host,
    target: &'h str,
    /// Whether the path is known to be canonical.
    plain: bool,
}

impl Asked<'_> {
    fn line(self, policy: &CapturePolicy) -> Result<(RequestLine, Query), Fault> {
        let (path, query) = canonical::split(self.target)?;
        let canonical_path = if self.plain {
            None
        } else {
            match canonical::path(path, policy.path_rules())? {
                Cow::Borrowed(_) => None,
                Cow::Owned(path) => Some(path.into()),
            }
        };
        let line = RequestLine {
            method: self.method,
            scheme: self.scheme,
            host: self.host.name,
            port: self.host.port,
            uri: self.target.into(),
            path_len: path.len(),
            canonical_path,
        };
        let query = query.map(canonical::query).transpose()?;
        Ok((line, query.unwrap_or_default()))
    }
}

/// The client is the peer; nobody speaks for anybody.
fn peer_alone(hop: &Hop) -> Client {
    let address = hop.peer.ip().to_canonical();
    let address_text = written::address(address);
    Client {
        address,
        forwarded_for: address_text.clone(),
        address_text,
        peer: hop.peer,
        trusted_proxy: false,
        proxy_stripped: false,
        forwarded: SmolStr::default(),
        certificate: hop.certificate.clone(),
    }
}

/// The client that the trusted peer speaks for.
fn forwarded_client(hop: &Hop, policy: &CapturePolicy) -> Result<Client, Fault> {
    let Some(chain) = agreed_chain(&hop.headers)? else {
        return match policy.dialect() {
            Dialect::Direct => Ok(Client {
                trusted_proxy: true,
                certificate: passed_on(hop, policy)?,
                ..peer_alone(hop)
            }),
            _ => Err(Fault::forwarded("forwarded chain missing client hop")),
        };
    };
    let vouched = policy.trusted().vouched(&chain, policy.hops())?;
    let address = *vouched
        .first()
        .ok_or(Fault::forwarded("forwarded chain missing client hop"))?;
    let address_text = written::address(address);
    Ok(Client {
        address,
        forwarded_for: match vouched {
            [_] => address_text.clone(),
            several => joined(several, |text, hop| write!(text, "{hop}")),
        },
        address_text,
        peer: hop.peer,
        trusted_proxy: true,
        proxy_stripped: false,
        forwarded: if hop.headers.contains_key(FORWARDED) {
            joined(vouched, |text, hop| match hop {
                IpAddr::V4(address) => write!(text, "for={address}"),
                IpAddr::V6(address) => write!(text, "for=\"[{address}]\""),
            })
        } else {
            SmolStr::default()
        },
        certificate: passed_on(hop, policy)?,
    })
}

/// The certificate that the trusted peer passes on. Its own is not that of the client.
fn passed_on(hop: &Hop, policy: &CapturePolicy) -> Result<Option<Arc<ClientCertificate>>, Fault> {
    match policy.certificate_header() {
        None => Ok(None),
        Some(header) => header.read(&hop.headers),
    }
}

fn joined(
    hops: &[IpAddr],
    mut write: impl FnMut(&mut SmolStrBuilder, &IpAddr) -> fmt::Result,
) -> SmolStr {
    let mut text = SmolStrBuilder::new();
    for (index, hop) in hops.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        // Writing into memory cannot fail.
        let _ = write(&mut text, hop);
    }
    text.finish()
}

/// Refuses a second value of a query parameter that a rule reads, also where only servers see it
/// that take `;` for a separator.
fn check_single(line: &RequestLine, query: &Query, policy: &CapturePolicy) -> Result<(), Fault> {
    let repeated = Err(Fault::ambiguous(
        "a query parameter that must have one value is sent twice",
    ));
    if query.0.is_empty() {
        return Ok(());
    }
    let raw = line.raw_query().unwrap_or_default();
    for name in &policy.single().queries {
        let count = query.count(name);
        let split_further =
            raw.contains(';') && names_of(raw).filter(|n| *n == **name).count() != count;
        if count > 1 || split_further {
            return repeated;
        }
    }
    let all_once = || query.0.iter().all(|(name, _)| query.count(name) == 1);
    if policy.single().all_queries && !all_once() {
        return repeated;
    }
    Ok(())
}

/// The query of the hop itself, which is the original one when nobody forwarded it.
fn own_query(hop: &Hop, policy: &CapturePolicy, original: &Query) -> Result<Query, Fault> {
    match (hop.uri.query(), policy.dialect()) {
        (None, _) => Ok(Query::default()),
        (Some(_), Dialect::Direct | Dialect::Envoy) => Ok(original.clone()),
        (Some(raw), _) => canonical::query(raw),
    }
}

fn own_host(headers: &HeaderMap, original: &SmolStr) -> SmolStr {
    headers
        .get(HOST)
        .map_or_else(|| original.clone(), |host| shared(text(host), original))
}

/// `text`, sharing the memory of `known` when that is the same.
fn shared(text: &str, known: &SmolStr) -> SmolStr {
    if known == text {
        known.clone()
    } else {
        SmolStr::new(text)
    }
}

#[cfg(test)]
pub(crate) mod tests;
