//! Requests, each with the reply it must get.

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use super::issuer::{Token, Wallet};
use super::line::{Failed, Transport};
use super::target::{SEEN_CREDENTIALS, SEEN_PATH, SEEN_USER};

/// Most bytes of a request body.
pub(super) const LARGEST: usize = 200_000;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Public,
    Holder,
    BriefHolder,
    Spoofed,
    Upload,
    OtherScope,
    Expired,
    Garbage,
    UnknownKey,
    NoToken,
    UnknownRoute,
    OtherMethod,
}

/// How many of a hundred requests are of each kind.
const MIX: [(Kind, u64); 12] = [
    (Kind::Public, 20),
    (Kind::Holder, 36),
    (Kind::BriefHolder, 3),
    (Kind::Spoofed, 5),
    (Kind::Upload, 10),
    (Kind::OtherScope, 6),
    (Kind::Expired, 5),
    (Kind::Garbage, 4),
    (Kind::UnknownKey, 1),
    (Kind::NoToken, 4),
    (Kind::UnknownRoute, 4),
    (Kind::OtherMethod, 2),
];

/// One request and what must come of it.
pub(super) struct Case {
    pub(super) kind: Kind,
    pub(super) request: Request<Full<Bytes>>,
    expected: Expected,
}

struct Expected {
    status: StatusCode,
    /// What the target must have seen, if anything may reach it.
    arrived: Option<Arrived>,
}

struct Arrived {
    path: String,
    user: String,
    body: Bytes,
}

/// A reply, read to its end.
pub(super) struct Whole {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Case {
    /// The request of this number, with tokens from `wallet`; `bytes` has what uploads are cut from.
    pub(super) fn new(
        number: u64,
        transport: Transport,
        wallet: &Wallet,
        bytes: &Bytes,
    ) -> Result<Self, Failed> {
        let chance = scatter(number);
        let kind = kind(chance % 100);
        let turn = usize::try_from(chance >> 40)?;
        let path = format!("/orders/{number}");
        let body = match kind {
            Kind::Upload => bytes.slice(..size(turn).min(bytes.len())),
            _ => Bytes::new(),
        };
        let (user, token) = kind.credential(wallet, turn).ok_or("an empty wallet")?;
        let mut request = ask(transport, kind.host(), &path).method(kind.method());
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if kind == Kind::Spoofed {
            request = request.header("x-user", "root").header("x-user", "admin");
        }
        let request = request.body(Full::new(body.clone()))?;
        let arrived = Arrived { path, user, body };
        let expected = Expected {
            status: kind.status(),
            arrived: (kind.status() == StatusCode::OK).then_some(arrived),
        };
        Ok(Self {
            kind,
            request,
            expected,
        })
    }

    /// Separates the request from what to expect of it.
    pub(super) fn split(self) -> (Kind, Request<Full<Bytes>>, Verdict) {
        (self.kind, self.request, Verdict(self.expected))
    }
}

/// Judges the reply.
pub(super) struct Verdict(Expected);

impl Verdict {
    /// What is wrong with `whole`, if anything.
    pub(super) fn fault(&self, whole: &Whole) -> Option<String> {
        let expected = &self.0;
        if whole.status != expected.status {
            let (found, wanted) = (whole.status, expected.status);
            let text = String::from_utf8_lossy(&whole.body);
            return Some(format!("{found} instead of {wanted}: {}", text.trim()));
        }
        let seen = |name| {
            let value = whole
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.unwrap_or_default()
        };
        let Some(arrived) = &expected.arrived else {
            return (!seen(SEEN_PATH).is_empty()).then(|| String::from("it reached a target"));
        };
        for (name, wanted) in [
            (SEEN_PATH, arrived.path.as_str()),
            (SEEN_USER, arrived.user.as_str()),
            (SEEN_CREDENTIALS, "-"),
        ] {
            if seen(name) != wanted {
                return Some(format!("{name} is `{}`, not `{wanted}`", seen(name)));
            }
        }
        (whole.body != arrived.body).then(|| String::from("another body came back"))
    }
}

impl Whole {
    /// Reads a reply to its end.
    pub(super) async fn read(reply: http::Response<Incoming>) -> Result<Self, Failed> {
        let (head, body) = reply.into_parts();
        Ok(Self {
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}

impl Kind {
    /// Whom a target must see, and the token to show; `None` when there is none to take.
    fn credential(self, wallet: &Wallet, turn: usize) -> Option<(String, Option<String>)> {
        let nobody = |token| (String::from("-"), token);
        let named = |held: &Token| (held.subject.clone(), Some(held.text.clone()));
        let holder = wallet.holder(turn)?;
        Some(match self {
            Self::Public | Self::NoToken | Self::UnknownRoute | Self::OtherMethod => nobody(None),
            Self::Holder | Self::Spoofed | Self::Upload => named(holder),
            Self::BriefHolder => named(wallet.brief(turn)?),
            Self::OtherScope => nobody(Some(wallet.other_scope.clone())),
            Self::Expired => nobody(Some(wallet.expired(turn)?.clone())),
            Self::Garbage => nobody(Some(forged(&holder.text))),
            Self::UnknownKey => nobody(Some(of_unknown_key(&holder.text))),
        })
    }

    const fn host(self) -> &'static str {
        match self {
            Self::Public => "open.example.com",
            Self::UnknownRoute => "nowhere.example.com",
            _ => "api.example.com",
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Upload => "POST",
            Self::OtherMethod => "PUT",
            _ => "GET",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Public | Self::Holder | Self::BriefHolder | Self::Spoofed | Self::Upload => {
                StatusCode::OK
            }
            Self::OtherScope => StatusCode::FORBIDDEN,
            Self::Expired | Self::Garbage | Self::UnknownKey | Self::NoToken => {
                StatusCode::UNAUTHORIZED
            }
            Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::OtherMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

/// The kind at this of a hundred places.
fn kind(place: u64) -> Kind {
    let mut end = 0;
    let found = MIX.iter().find(|(_, share)| {
        end += share;
        place < end
    });
    found.map_or(Kind::Public, |(kind, _)| *kind)
}

/// Spreads consecutive numbers evenly and without visible order (splitmix64).
const fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Sizes of uploads: mostly small, some larger than every buffer on the way.
const fn size(turn: usize) -> usize {
    match turn % 16 {
        0 => 0,
        1 => LARGEST,
        2 | 3 => 65_536,
        4..8 => 4_096 + turn % 4_096,
        _ => 1 + turn % 512,
    }
}

fn ask(transport: Transport, host: &str, path: &str) -> Builder {
    match transport {
        Transport::Http2 => Request::builder().uri(format!("https://{host}{path}")),
        Transport::Plain | Transport::Tls => Request::builder().uri(path).header("host", host),
    }
}

/// The same token with a payload that nobody signed.
fn forged(token: &str) -> String {
    let mut parts = token.splitn(3, '.');
    let mut part = || parts.next().unwrap_or_default();
    let (head, payload, signature) = (part(), part(), part());
    let payload: String = payload.chars().rev().collect();
    format!("{head}.{payload}.{signature}")
}

/// The same token under a key that nobody has, which makes the gateway ask for keys.
fn of_unknown_key(token: &str) -> String {
    let head = r#"{"alg":"ES256","typ":"at+jwt","kid":"nobody"}"#;
    let rest = token.split_once('.').map_or("", |(_, rest)| rest);
    format!("{}.{rest}", ztag_test_support::base64url(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_places_are_taken_once() {
        assert_eq!(MIX.iter().map(|(_, share)| share).sum::<u64>(), 100);
        for (wanted, share) in MIX {
            let places = (0..100).filter(|place| kind(*place) == wanted).count();
            assert_eq!(u64::try_from(places).unwrap(), share, "{wanted:?}");
        }
    }

    #[test]
    fn forgeries_are_other_tokens() {
        assert_eq!(forged("a.bc.d"), "a.cb.d");
        assert!(of_unknown_key("a.bc.d").ends_with(".bc.d"));
    }
}
