//! A request that may have to be sent again, kept as cheaply as can be: most never are.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};

use super::message::HostOfTarget;
use crate::body::Outgoing;

/// A request that can be sent again.
#[derive(Debug)]
pub(super) enum Again {
    /// The very one: nothing of it was sent.
    Itself(Box<Request<Outgoing>>),
    /// What was kept of one that was sent.
    Kept(Box<Kept>),
}

/// What it takes to send a request once more.
#[derive(Debug)]
pub(super) struct Kept {
    method: Method,
    uri: Uri,
    version: Version,
    /// The header fields as HTTP/1.1 writes them: in one piece of memory, whose parts nobody
    /// counts.
    fields: Vec<u8>,
    host_of_target: bool,
    body: Outgoing,
}

impl Again {
    /// The request.
    pub(super) fn into_request(self) -> Option<Box<Request<Outgoing>>> {
        match self {
            Self::Itself(request) => Some(request),
            Self::Kept(kept) => kept.restore(),
        }
    }
}

impl Kept {
    /// What to keep of `request`, where sending it twice has the effect of sending it once (RFC
    /// 9110 section 9.2.2) and its body is not streamed.
    pub(super) fn of(request: &Request<Outgoing>) -> Option<Box<Self>> {
        if !request.method().is_idempotent() {
            return None;
        }
        Some(Box::new(Self {
            body: request.body().again()?,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            fields: write(request.headers()),
            host_of_target: request.extensions().get::<HostOfTarget>().is_some(),
        }))
    }

    /// The request as it was.
    fn restore(self) -> Option<Box<Request<Outgoing>>> {
        let mut request = Box::new(Request::new(self.body));
        *request.headers_mut() = read(&self.fields)?;
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        if self.host_of_target {
            request.extensions_mut().insert(HostOfTarget);
        }
        Some(request)
    }
}

/// Bytes that most fields fit into: counting them first would take longer.
const USUAL_SIZE: usize = 512;

/// Neither names nor values hold a line feed, and names no colon.
fn write(headers: &HeaderMap) -> Vec<u8> {
    let mut fields = Vec::with_capacity(USUAL_SIZE);
    for (name, value) in headers {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        fields.reserve(name.len() + value.len() + 2);
        fields.extend_from_slice(name);
        fields.push(b':');
        fields.extend_from_slice(value);
        fields.push(b'\n');
    }
    fields
}

fn read(fields: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in fields.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n")?;
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value.get(1..)?).ok()?;
        headers.append(name, value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn request(body: Outgoing) -> Request<Outgoing> {
        Request::new(body)
    }

    #[test]
    fn only_what_has_no_second_effect_is_kept() {
        for (method, repeatable) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
        ] {
            let mut request = request(Outgoing::Full(Bytes::from_static(b"x")));
            *request.method_mut() = method.clone();
            assert_eq!(Kept::of(&request).is_some(), repeatable, "{method}");
        }
    }

    #[test]
    fn what_was_kept_is_the_request() {
        for host_of_target in [false, true] {
            let mut request = request(Outgoing::Full(Bytes::from_static(b"body")));
            *request.method_mut() = Method::PUT;
            *request.uri_mut() = Uri::from_static("/a%2Fb?c=d:e");
            *request.version_mut() = Version::HTTP_2;
            for (name, value) in [
                ("host", "app.example:81"),
                ("cookie", "a=b: c\t\"d\""),
                ("x-empty", ""),
                ("via", "1.1 a"),
                ("via", "1.1 b"),
            ] {
                let value = HeaderValue::from_static(value);
                request.headers_mut().append(name, value);
            }
            let odd = HeaderValue::from_bytes(b"\xff:\x80").unwrap();
            request.headers_mut().insert("x-bytes", odd);
            if host_of_target {
                request.extensions_mut().insert(HostOfTarget);
            }
            let again = Again::Kept(Kept::of(&request).unwrap());
            let restored = again.into_request().unwrap();
            assert_eq!(restored.headers(), request.headers());
            assert_eq!(restored.method(), request.method());
            assert_eq!(restored.uri(), request.uri());
            assert_eq!(restored.version(), request.version());
            let mark = restored.extensions().get::<HostOfTarget>();
            assert_eq!(mark.is_some(), host_of_target);
        }
    }
}
