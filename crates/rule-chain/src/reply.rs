//! The backend's reply as expressions see it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use url::Url;
use ztag_backend::{PageReply, Pages};
use ztag_types::{BackendState, Key, Map, Page, ReadPath, Reads, Root, Value};

use crate::error::Fault;

/// Which statuses a rule accepts; any 2xx when it names none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accepted(pub(crate) Box<[u16]>);

impl Accepted {
    pub(crate) fn allows(&self, status: u16) -> bool {
        match &*self.0 {
            [] => (200..300).contains(&status),
            listed => listed.contains(&status),
        }
    }
}

/// Which costly parts of a reply anybody reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    headers: bool,
    text: bool,
}

impl Wanted {
    pub(crate) fn new<'r>(readers: impl IntoIterator<Item = &'r Reads>) -> Self {
        let root = Root::Backend.as_str();
        let mut wanted = Self {
            headers: false,
            text: false,
        };
        for reads in readers {
            let pages = reads.touches(&[root, "pages"]);
            wanted.headers |= pages || reads.touches(&[root, "headers"]);
            wanted.text |= pages || reads.touches(&[root, "bodyText"]);
        }
        wanted
    }
}

/// Turns the pages of a reply into the `backend` root.
///
/// # Errors
/// A body that its content type calls JSON and that is none.
pub(crate) fn understand(
    pages: Pages,
    accepted: &Accepted,
    wanted: Wanted,
) -> Result<BackendState, Fault> {
    let pages = pages.pages.into_iter();
    let pages = pages.map(|page| understand_page(&page, accepted, wanted));
    Ok(BackendState {
        requested: true,
        pages: pages.collect::<Result<_, _>>()?,
        ..BackendState::default()
    })
}

fn understand_page(reply: &PageReply, accepted: &Accepted, wanted: Wanted) -> Result<Page, Fault> {
    let status = reply.status.as_u16();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into_boxed_str();
    Ok(Page {
        url: plain_url(&reply.url).into(),
        status,
        headers: if wanted.headers {
            first_values(&reply.headers)
        } else {
            Map::new()
        },
        body: json_body(reply)?,
        text: if wanted.text {
            text(&reply.body)
        } else {
            Box::default()
        },
        accepted: accepted.allows(status),
    })
}

/// The body as a value; an empty map where the reply is not JSON or has no body.
fn json_body(reply: &PageReply) -> Result<Value, Fault> {
    if reply.body.is_empty() || !is_json(&reply.headers) {
        return Ok(Map::new().into());
    }
    // The parser itself bounds the depth.
    let json = serde_json::from_slice::<serde_json::Value>(&reply.body);
    let class = "the body is not the JSON its content type promises";
    json.map(Value::from).map_err(|_| Fault::Backend { class })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .map_or(&[][..], |value| value.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.to_ascii_lowercase()
        .windows(4)
        .any(|part| part == b"json")
}

fn first_values(headers: &HeaderMap) -> Map {
    let names = headers.keys().filter_map(|name| {
        let value = headers.get(name)?;
        let text = String::from_utf8_lossy(value.as_bytes());
        Some((Key::from(name.as_str()), Value::text(text)))
    });
    names.collect()
}

/// `url` without query, fragment and credentials.
pub(crate) fn plain_url(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.set_fragment(None);
    if plain.set_username("").is_err() || plain.set_password(None).is_err() {
        return String::new();
    }
    plain.into()
}

/// Whether any page says that the backend itself is broken.
pub(crate) fn is_broken(state: &BackendState) -> bool {
    let broken = |page: &Page| page.status >= StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    state.pages.iter().any(broken)
}

/// The path among `reads` that reads a whole body, or the whole reply: bodies are never
/// remembered, so neither is a verdict that needs one.
pub(crate) fn whole_body(reads: &Reads) -> Option<&ReadPath> {
    let root = Root::Backend.as_str();
    reads.paths().find(|path| {
        let mut segments = path.segments();
        segments.next() == Some(root)
            && match (segments.next(), segments.next()) {
                (None | Some("bodyText" | "pages"), _) => true,
                (Some(part), below) => part == "body" && below.is_none(),
            }
    })
}
