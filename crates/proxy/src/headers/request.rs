//! Header fields of a request on its way to an upstream.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use ztag_types::Client;

use super::names::{is_hop_by_hop, is_plain, named_by_connection, speaks_for_a_proxy};
use super::policy::HeaderPolicy;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What was judged about a request, as far as its header fields tell an upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure<'r> {
    /// Fields that the upstream never sees as the client sent them.
    pub(crate) withheld: &'r [HeaderName],
    /// The route's own changes.
    pub(crate) policy: &'r HeaderPolicy,
    /// Who asks, in the words of the endpoint's reply to a pass.
    pub(crate) identity: &'r [(HeaderName, HeaderValue)],
    /// Who asks, as an address.
    pub(crate) client: &'r Client,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The host asked, canonical.
    pub(crate) host: &'r str,
    /// The port asked, where one was.
    pub(crate) port: Option<u16>,
    /// The correlation id and the field that carries it.
    pub(crate) correlation: Option<(&'r HeaderName, &'r HeaderValue)>,
}

/// Makes the fields of a client's request those that the upstream sees.
///
/// What a client has no business saying is gone before anything is set, so that a field which is
/// not set is not there. Whoever comes later wins: the route, then the identity, then the facts
/// about the connection.
pub(crate) fn departing(headers: &mut HeaderMap, departure: &Departure<'_>) {
    let trailers = accepts_trailers(headers);
    strip(headers, departure.withheld);
    departure.policy.apply(headers);
    identify(headers, departure.identity);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    address(headers, departure);
    if let Some((name, id)) = departure.correlation {
        headers.insert(name, id.clone());
    }
}

/// Removes all that concerns the client's connection, speaks for a proxy, passes for another name
/// or is withheld.
fn strip(headers: &mut HeaderMap, withheld: &[HeaderName]) {
    let ends_here = |name: &&HeaderName| {
        let name = name.as_str();
        match name.as_bytes().first() {
            Some(b'c' | b'f' | b'h' | b'k' | b'p' | b't' | b'u' | b'x')
                if is_hop_by_hop(name) || speaks_for_a_proxy(name) =>
            {
                true
            }
            _ => !is_plain(name),
        }
    };
    // RFC 9112 section 6.3: the length of a message with a transfer coding is a lie.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    let mut ending: SmallVec<[HeaderName; 8]> = named_by_connection(headers).collect();
    ending.extend(headers.keys().filter(ends_here).cloned());
    // Expectations are answered here, when the body is first read (RFC 9110 section 10.1.1);
    // trailers, which nobody judged, are not forwarded.
    for name in ending.iter().chain(withheld).chain([&EXPECT, &TRAILER]) {
        headers.remove(name);
    }
}

/// Sets the fields of the pass reply that speak about the client. Those of the reply itself stay.
fn identify(headers: &mut HeaderMap, identity: &[(HeaderName, HeaderValue)]) {
    let speaking = || {
        identity
            .iter()
            .filter(|(name, _)| speaks_of_the_client(name))
    };
    for (name, _) in speaking() {
        headers.remove(name);
    }
    for (name, value) in speaking() {
        headers.append(name, value.clone());
    }
}

/// Whether a field of a pass reply is meant for the upstream: it neither describes the reply nor
/// frames or routes the request.
pub(crate) fn speaks_of_the_client(name: &HeaderName) -> bool {
    let name = name.as_str();
    !(is_hop_by_hop(name)
        || speaks_for_a_proxy(name)
        || matches!(
            name,
            "content-encoding"
                | "content-length"
                | "content-type"
                | "expect"
                | "host"
                | "location"
                | "set-cookie"
                | "trailer"
                | "via"
                | "www-authenticate"
        ))
}

/// Says whom the request comes from and whom it asked. What trusted proxies said is kept in its
/// sanitised form; the peer is added to it.
fn address(headers: &mut HeaderMap, departure: &Departure<'_>) {
    let client = departure.client;
    let peer = client.peer.ip().to_canonical();
    let real = text(&client.address_text);
    let chain = if client.address == peer {
        text(&client.forwarded_for)
    } else {
        text(&format!("{}, {peer}", client.forwarded_for))
    };
    set(headers, &X_FORWARDED_FOR, chain);
    set(headers, &X_REAL_IP, real);
    headers.insert(
        &X_FORWARDED_PROTO,
        HeaderValue::from_static(departure.scheme),
    );
    headers.insert(&X_FORWARDED_PORT, port(departure));
    let host = host(headers, departure);
    if !client.forwarded.is_empty() {
        set(headers, &FORWARDED, text(&forwarded(departure, peer)));
    }
    if let Some(host) = host {
        headers.insert(&X_FORWARDED_HOST, host.clone());
        headers.insert(HOST, host);
    }
}

/// The host asked as everybody must read it: the client's own words where they are that already.
fn host(headers: &HeaderMap, departure: &Departure<'_>) -> Option<HeaderValue> {
    let Departure { host, port, .. } = *departure;
    let Some(port) = port else {
        let said = headers.get(HOST).filter(|said| *said == host);
        return said.cloned().or_else(|| text(host));
    };
    let authority = format!("{host}:{port}");
    text(&authority)
}

fn port(departure: &Departure<'_>) -> HeaderValue {
    match departure.port {
        Some(port) => port.into(),
        None if departure.scheme == "https" => HeaderValue::from_static("443"),
        None => HeaderValue::from_static("80"),
    }
}

/// RFC 7239 section 4, where a trusted proxy speaks that.
fn forwarded(departure: &Departure<'_>, peer: IpAddr) -> String {
    let mut value = departure.client.forwarded.to_string();
    // Writing into memory cannot fail.
    let _ = match peer {
        IpAddr::V4(peer) => write!(value, ", for={peer}"),
        IpAddr::V6(peer) => write!(value, ", for=\"[{peer}]\""),
    };
    let _ = match departure.port {
        Some(port) => write!(value, ";host=\"{}:{port}\"", departure.host),
        None => write!(value, ";host=\"{}\"", departure.host),
    };
    let _ = write!(value, ";proto={}", departure.scheme);
    value
}

/// Whether the client takes trailers (RFC 9110 section 10.1.4), which the fields of its connection
/// say on our behalf as well.
fn accepts_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            coding
                .trim_matches([' ', '\t'])
                .eq_ignore_ascii_case("trailers")
        })
}

fn text(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

fn set(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
