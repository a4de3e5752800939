//! What is asked of a backend, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::cursor::Cursor;

/// One call.
///
/// `Debug` shows neither headers nor body nor query, where credentials travel.
#[derive(Clone)]
pub struct Call {
    /// The method; `CONNECT` is refused.
    pub method: Method,
    /// The URL, `http` or `https`, without user information. A fragment is not sent.
    pub url: Url,
    /// Header fields to send. `Host`, `Content-Length` and hop-by-hop fields (RFC 9110 section
    /// 7.6.1) are left out: the client writes its own.
    pub headers: HeaderMap,
    /// The body, possibly empty.
    pub body: Bytes,
    /// Longest time for the whole call: every page, retry and wait.
    pub timeout: Duration,
    /// Most bytes of all bodies of the reply together. A longer reply is a failure, never cut.
    pub max_body: usize,
    /// How often each page may be asked for again after a failure that cannot have had an effect.
    pub retries: u32,
    /// How to reach further pages.
    pub pagination: Pagination,
}

impl Call {
    /// A `GET` of `url` with a timeout of 10 s, at most 1 MiB of reply, no retries and no
    /// further pages.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: Duration::from_secs(10),
            max_body: 1024 * 1024,
            retries: 0,
            pagination: Pagination::None,
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .field("retries", &self.retries)
            .field("pagination", &self.pagination)
            .finish_non_exhaustive()
    }
}

/// How to reach the pages after the first.
///
/// Each page is asked for with the method, headers and body of the first. A page on another origin
/// is a failure; a page already seen, or one whose status is not 2xx, is the last.
#[derive(Clone, Debug, Default)]
pub enum Pagination {
    /// The first page is the only one.
    #[default]
    None,
    /// `Link: <...>; rel="next"` (RFC 8288).
    Link {
        /// Most pages fetched in all; 0 counts as 1.
        max_pages: u32,
    },
    /// A token or URL in the JSON body.
    Cursor {
        /// Most pages fetched in all; 0 counts as 1.
        max_pages: u32,
        /// Where it stands in the body and where it goes.
        cursor: Arc<Cursor>,
    },
}

impl Pagination {
    /// Most pages fetched in all, at least 1.
    pub fn max_pages(&self) -> u32 {
        match self {
            Self::None => 1,
            Self::Link { max_pages } | Self::Cursor { max_pages, .. } => (*max_pages).max(1),
        }
    }
}

/// The reply: at least one page.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The pages in order; never empty.
    pub pages: Vec<PageReply>,
    /// Requests sent, retries included.
    pub attempts: u32,
}

impl Pages {
    /// The last page.
    pub fn last(&self) -> Option<&PageReply> {
        self.pages.last()
    }
}

/// One page of a reply.
///
/// `Debug` shows neither headers nor body nor query.
#[derive(Clone)]
pub struct PageReply {
    /// The URL asked for.
    pub url: Url,
    /// The status; a redirect is a status like any other.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body, as sent: no content coding is undone.
    pub body: Bytes,
}

impl std::fmt::Debug for PageReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageReply")
            .field("status", &self.status)
            .field("path", &self.url.path())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}
