//! Header fields of a request on its way to an upstream.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, TE, TRANSFER_ENCODING};
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
/// not set is not there. Whoever comes later wins: the route, then `identity`, who asks in the words
/// of the endpoint's reply to a pass, then the facts about the connection.
pub(crate) fn departing(
    headers: &mut HeaderMap,
    identity: Vec<(HeaderName, HeaderValue)>,
    departure: &Departure<'_>,
) {
    let ending = ending(headers, departure.withheld);
    let trailers = ending.contains(&TE) && accepts_trailers(headers);
    for name in &ending {
        headers.remove(name);
    }
    departure.policy.apply(headers);
    identify(headers, identity, departure);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    address(headers, departure);
    if let Some((name, id)) = departure.correlation {
        headers.insert(name, id.clone());
    }
}

/// The fields that go no further: all that concerns the client's connection, speaks for a proxy,
/// passes for another name or is withheld.
fn ending(headers: &HeaderMap, withheld: &[HeaderName]) -> SmallVec<[HeaderName; 8]> {
    let ends = |name: &&HeaderName| ends_here(name.as_str()) || withheld.contains(name);
    let mut ending: SmallVec<[HeaderName; 8]> = headers.keys().filter(ends).cloned().collect();
    if ending.contains(&CONNECTION) {
        ending.extend(named_by_connection(headers));
    }
    // RFC 9112 section 6.3: the length of a message with a transfer coding is a lie.
    if ending.contains(&TRANSFER_ENCODING) {
        ending.push(CONTENT_LENGTH);
    }
    ending
}

/// Expectations end here, too: they are answered when the body is first read (RFC 9110 section
/// 10.1.1). So do the names of trailers, which nobody judged and which are not forwarded.
fn ends_here(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'c' | b'f' | b'h' | b'k' | b'p' | b't' | b'u' | b'x')
            if is_hop_by_hop(name) || speaks_for_a_proxy(name) =>
        {
            true
        }
        _ => matches!(name, "expect" | "trailer") || !is_plain(name),
    }
}

/// Sets the fields of the pass reply that speak about the client. Those of the reply itself stay.
fn identify(
    headers: &mut HeaderMap,
    mut identity: Vec<(HeaderName, HeaderValue)>,
    departure: &Departure<'_>,
) {
    // The correlation id is set in any case.
    let correlates = |own: &HeaderName| departure.correlation.is_some_and(|(name, _)| name == own);
    identity.retain(|(name, _)| speaks_of_the_client(name) && !correlates(name));
    for (name, _) in &identity {
        headers.remove(name);
    }
    for (name, value) in identity {
        headers.append(name, value);
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
    let chain = if client.address != peer {
        text(&format!("{}, {peer}", client.forwarded_for))
    } else if client.forwarded_for == client.address_text {
        real.clone()
    } else {
        text(&client.forwarded_for)
    };
    set(headers, &X_FORWARDED_FOR, chain);
    set(headers, &X_REAL_IP, real);
    headers.insert(
        &X_FORWARDED_PROTO,
        HeaderValue::from_static(departure.scheme),
    );
    headers.insert(&X_FORWARDED_PORT, port(departure));
    if !client.forwarded.is_empty() {
        set(headers, &FORWARDED, text(&forwarded(departure, peer)));
    }
    let said = headers.get(HOST);
    let own = said.filter(|said| departure.port.is_none() && *said == departure.host);
    if let Some(own) = own.cloned() {
        headers.insert(&X_FORWARDED_HOST, own);
    } else if let Some(host) = host(departure) {
        headers.insert(&X_FORWARDED_HOST, host.clone());
        headers.insert(HOST, host);
    }
}

/// The host asked as everybody must read it.
fn host(departure: &Departure<'_>) -> Option<HeaderValue> {
    let Departure { host, port, .. } = *departure;
    match port {
        None => text(host),
        Some(port) => text(&format!("{host}:{port}")),
    }
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
