//! What the asking proxy can take as an answer.

use http::{HeaderName, HeaderValue, StatusCode};
use ztag_types::Reply;

use crate::forwarded::Dialect;

static X_ZTAG_STATUS: HeaderName = HeaderName::from_static("x-ztag-status");

/// The reply in a form that the asking proxy understands.
///
/// nginx takes 2xx, 401 and 403 from an auth server and answers 500 to anything else: a redirect
/// becomes 401 and keeps its `Location`, every other status becomes 403. Envoy takes only 200 for a
/// pass: every 2xx becomes that. `X-Ztag-Status` then holds the status that was meant, so that the
/// proxy's configuration can restore it. Everybody else gets the reply as it is.
///
/// A denial never becomes a pass, nor the other way round.
#[must_use]
pub fn adapt(dialect: Dialect, mut reply: Reply) -> Reply {
    let status = match dialect {
        Dialect::Nginx => for_nginx(reply.status),
        Dialect::Envoy if reply.status.is_success() => StatusCode::OK,
        _ => reply.status,
    };
    if status != reply.status {
        reply.headers.retain(|(name, _)| *name != X_ZTAG_STATUS);
        let meant = HeaderValue::from(reply.status.as_u16());
        reply.headers.push((X_ZTAG_STATUS.clone(), meant));
        reply.status = status;
    }
    reply
}

fn for_nginx(status: StatusCode) -> StatusCode {
    if status.is_success() || status == StatusCode::UNAUTHORIZED {
        status
    } else if status.is_redirection() {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::FORBIDDEN
    }
}

#[cfg(test)]
mod tests {
    use http::header::LOCATION;

    use super::*;

    fn check(dialect: Dialect, status: u16, expected: u16) {
        let mut reply = Reply::new(StatusCode::from_u16(status).unwrap());
        let location = HeaderValue::from_static("/login");
        reply.headers.push((LOCATION, location.clone()));
        let adapted = adapt(dialect, reply);
        assert_eq!(adapted.status.as_u16(), expected, "{dialect:?} {status}");
        assert!(adapted.headers.contains(&(LOCATION, location)));
        let meant = adapted
            .headers
            .iter()
            .find(|(name, _)| *name == X_ZTAG_STATUS);
        let meant = meant.map(|(_, value)| value.to_str().unwrap().to_owned());
        assert_eq!(meant, (status != expected).then(|| status.to_string()));
    }

    #[test]
    fn nginx_is_told_what_it_understands() {
        for kept in [200, 204, 401, 403] {
            check(Dialect::Nginx, kept, kept);
        }
        check(Dialect::Nginx, 302, 401);
        check(Dialect::Nginx, 307, 401);
        for denied in [400, 404, 407, 429, 500, 502, 503] {
            check(Dialect::Nginx, denied, 403);
        }
    }

    #[test]
    fn envoy_takes_only_200_for_a_pass() {
        check(Dialect::Envoy, 204, 200);
        check(Dialect::Envoy, 302, 302);
        check(Dialect::Envoy, 502, 502);
    }

    #[test]
    fn others_get_the_reply_as_it_is() {
        for dialect in [
            Dialect::Direct,
            Dialect::Traefik,
            Dialect::Caddy,
            Dialect::Haproxy,
        ] {
            for status in [200, 204, 302, 401, 502] {
                check(dialect, status, status);
            }
        }
    }

    #[test]
    fn a_denial_never_becomes_a_pass() {
        for dialect in Dialect::ALL {
            for status in 100..=599 {
                let reply = Reply::new(StatusCode::from_u16(status).unwrap());
                let passes = reply.status.is_success();
                assert_eq!(adapt(*dialect, reply).status.is_success(), passes);
            }
        }
    }
}
