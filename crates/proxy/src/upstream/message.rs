//! Requests and responses at the border to a target.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version};
use url::{Position, Url};

use super::failure::Breach;
use super::relayed::After;
use super::spec::UpstreamProtocol;
use crate::body::Outgoing;

/// Marks a request, among its extensions, whose `Host` is that of whatever target gets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostOfTarget;

/// Writes `request` in the form of `protocol`, for the target at `url`. What is in that form
/// already stays.
pub(super) fn fit(
    request: &mut Request<Outgoing>,
    protocol: UpstreamProtocol,
    url: &Url,
) -> Result<(), Breach> {
    if request.extensions().get::<HostOfTarget>().is_some() {
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
        request
            .headers_mut()
            .insert(HOST, host.map_err(|_| Breach::Form)?);
    }
    match protocol {
        UpstreamProtocol::Http1 => {
            *request.version_mut() = Version::HTTP_11;
            say_te_is_ours(request.headers_mut());
            Ok(())
        }
        UpstreamProtocol::Http2 => {
            *request.version_mut() = Version::HTTP_2;
            name_authority(request, url.scheme()).ok_or(Breach::Form)
        }
    }
}

/// `TE` is named by `Connection` (RFC 9110 section 10.1.4), which a switched connection has no use
/// for. Over HTTP/2 it stands alone (RFC 9113 section 8.2.2).
fn say_te_is_ours(headers: &mut HeaderMap) {
    if !headers.contains_key(TE) {
        return;
    }
    if headers.contains_key(UPGRADE) {
        headers.remove(TE);
    } else {
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// `:scheme` and `:authority` in the place of `Host` (RFC 9113 section 8.3.1).
fn name_authority(request: &mut Request<Outgoing>, scheme: &str) -> Option<()> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    if let Some(host) = request.headers_mut().remove(HOST) {
        parts.authority = Some(Authority::try_from(host.as_bytes()).ok()?);
    }
    parts.scheme = Some(Scheme::try_from(scheme).ok()?);
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(())
}

/// Whether a request asks for another protocol.
pub(super) fn asks_upgrade(request: &Request<Outgoing>) -> bool {
    request.headers().contains_key(UPGRADE)
}

/// Checks that `response` can be read in one way only, and says what becomes of its connection.
pub(super) fn vet<B>(
    response: &mut Response<B>,
    protocol: UpstreamProtocol,
    upgrading: bool,
) -> Result<After, Breach> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let asked = upgrading && protocol == UpstreamProtocol::Http1;
        return if asked {
            Ok(After::Upgrade)
        } else {
            Err(Breach::Upgrade)
        };
    }
    match protocol {
        UpstreamProtocol::Http1 => vet_framing(response),
        // Frames have their own lengths.
        UpstreamProtocol::Http2 => Ok(After::Keep),
    }
}

/// RFC 9112 section 6.3, where it is stricter than what reads the wire.
fn vet_framing<B>(response: &mut Response<B>) -> Result<After, Breach> {
    let bodiless = response.status() == StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let mut after = After::Keep;
    if headers.contains_key(TRANSFER_ENCODING) {
        // Whatever else there is, such as `gzip`, would get lost on the way.
        if !is_only_chunked(headers) {
            return Err(Breach::Framing);
        }
        // Both may be an attempt to split the response: the length counts for nobody.
        if headers.remove(CONTENT_LENGTH).is_some() || bodiless {
            after = After::Close;
        }
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        let more = lengths.next().is_some();
        if more || length.as_bytes().iter().any(|byte| !byte.is_ascii_digit()) {
            return Err(Breach::Framing);
        }
        if bodiless && length.as_bytes() != b"0" {
            after = After::Close;
        }
    }
    Ok(after)
}

fn is_only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(is_chunked) && codings.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::super::kept::{Again, Kept};
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response<()> {
        let mut builder = Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap()
    }

    fn check(status: u16, headers: &[(&str, &str)], expected: Option<After>) {
        let mut response = response(status, headers);
        let found = vet(&mut response, UpstreamProtocol::Http1, false).ok();
        assert_eq!(found, expected, "{status} {headers:?}");
    }

    #[test]
    fn attack_22_a_response_is_framed_in_one_way_or_refused() {
        const TE: &str = "transfer-encoding";
        const CL: &str = "content-length";
        check(200, &[(CL, "5")], Some(After::Keep));
        check(200, &[(TE, "chunked")], Some(After::Keep));
        check(200, &[], Some(After::Keep));
        check(204, &[], Some(After::Keep));
        check(200, &[(TE, "chunked"), (CL, "5")], Some(After::Close));
        check(204, &[(CL, "5")], Some(After::Close));
        check(204, &[(TE, "chunked")], Some(After::Close));
        for coding in [
            "gzip, chunked",
            "gzip",
            "identity",
            "chunked, chunked",
            "\"chunked\"",
        ] {
            check(200, &[(TE, coding)], None);
        }
        check(200, &[(TE, "chunked"), (TE, "chunked")], None);
        check(200, &[(CL, "5"), (CL, "5")], None);
        check(200, &[(CL, "5, 5")], None);
        check(200, &[(CL, "+5")], None);
    }

    #[test]
    fn attack_22_the_length_beside_chunks_is_not_passed_on() {
        let headers = [("transfer-encoding", "chunked"), ("content-length", "5")];
        let mut response = response(200, &headers);
        vet(&mut response, UpstreamProtocol::Http1, false).unwrap();
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn attack_21_an_upgrade_that_nobody_asked_for_is_refused() {
        for (protocol, upgrading, expected) in [
            (UpstreamProtocol::Http1, true, Some(After::Upgrade)),
            (UpstreamProtocol::Http1, false, None),
            (UpstreamProtocol::Http2, true, None),
        ] {
            let found = vet(&mut response(101, &[]), protocol, upgrading).ok();
            assert_eq!(found, expected, "{protocol:?} {upgrading}");
        }
    }

    #[test]
    fn http2_names_the_authority_and_keeps_the_target() {
        let mut request = Request::new(Outgoing::Empty);
        *request.uri_mut() = Uri::from_static("/a%2Fb/../c?d=%41");
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("app.example:81"));
        for _ in 0..2 {
            let url = Url::parse("https://10.0.0.7").unwrap();
            fit(&mut request, UpstreamProtocol::Http2, &url).unwrap();
            let expected = "https://app.example:81/a%2Fb/../c?d=%41";
            assert_eq!(request.uri().to_string(), expected);
            assert!(request.headers().is_empty());
        }
    }

    #[test]
    fn te_is_named_by_the_connection_it_is_for() {
        for (protocol, upgrade, expected) in [
            (
                UpstreamProtocol::Http1,
                false,
                ["te: trailers", "connection: te"].as_slice(),
            ),
            (UpstreamProtocol::Http1, true, &["upgrade: websocket"]),
            (UpstreamProtocol::Http2, false, &["te: trailers"]),
        ] {
            let mut request = Request::new(Outgoing::Empty);
            let headers = request.headers_mut();
            headers.insert(HOST, HeaderValue::from_static("app.example"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
            if upgrade {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            }
            let url = Url::parse("http://10.0.0.7").unwrap();
            for _ in 0..2 {
                fit(&mut request, protocol, &url).unwrap();
                let lines = request.headers().iter().filter(|(name, _)| *name != HOST);
                let lines =
                    lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
                assert_eq!(
                    lines.collect::<Vec<_>>(),
                    expected,
                    "{protocol:?} {upgrade}"
                );
            }
        }
    }

    #[test]
    fn a_target_is_asked_for_its_own_host_where_the_request_says_so() {
        let mut request = Request::new(Outgoing::Empty);
        let asked = HeaderValue::from_static("app.example");
        request.headers_mut().insert(HOST, asked);
        request.extensions_mut().insert(HostOfTarget);
        for target in ["http://a.internal:8080", "http://b.internal"] {
            let url = Url::parse(target).unwrap();
            fit(&mut request, UpstreamProtocol::Http1, &url).unwrap();
            let host = request.headers().get(HOST).unwrap();
            assert_eq!(format!("http://{}", host.to_str().unwrap()), target);
            request = *Again::Kept(Kept::of(&request).unwrap())
                .into_request()
                .unwrap();
        }
    }
}
