//! A request described in words, for a dry run.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use ztag_admission::Hop;
use ztag_types::{OneOrMany, Timestamp};

/// A request as a client would send it to the outermost proxy.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestSpec {
    /// The endpoint to ask; may be left out when there is only one, and where there are routes,
    /// which then say whom to ask.
    pub endpoint: Option<String>,
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The URL, or a path with a `host` header beside it.
    pub url: String,
    /// Header fields; a list stands for several lines of one name.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany<String>>,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// Address of the client.
    #[serde(default = "localhost")]
    pub client: IpAddr,
}

fn get() -> String {
    Method::GET.as_str().to_owned()
}

const fn localhost() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

/// The description is not that of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// The method is not a token.
    #[error("`method` is not an HTTP method")]
    Method,
    /// The URL cannot be read.
    #[error("`url` is not a URL or a path")]
    Url,
    /// A header cannot be sent.
    #[error("`headers` has a name or value that HTTP does not allow")]
    Header,
}

impl RequestSpec {
    /// The request, as if it had arrived directly.
    pub(crate) fn to_hop(&self, received: Timestamp) -> Result<Hop, DescriptionError> {
        let url: Uri = self.url.parse().map_err(|_| DescriptionError::Url)?;
        let mut headers = HeaderMap::new();
        for (name, values) in &self.headers {
            let name: HeaderName = name.parse().map_err(|_| DescriptionError::Header)?;
            for value in &values.0 {
                let value = HeaderValue::from_str(value).map_err(|_| DescriptionError::Header)?;
                headers.append(name.clone(), value);
            }
        }
        if let (Some(authority), false) = (url.authority(), headers.contains_key(HOST)) {
            let host = HeaderValue::from_str(authority.as_str());
            headers.insert(HOST, host.map_err(|_| DescriptionError::Url)?);
        }
        let target = url
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        Ok(Hop {
            method: self.method.parse().map_err(|_| DescriptionError::Method)?,
            uri: target.parse().map_err(|_| DescriptionError::Url)?,
            headers,
            body: Bytes::from(self.body.clone()),
            peer: SocketAddr::new(self.client, 0),
            encrypted: url.scheme_str() == Some("https"),
            certificate: None,
            mount: 0,
            received,
            located: None,
        })
    }
}
