//! A form posted to an authorization server.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use url::{Url, form_urlencoded};
use ztag_backend::Call;

/// A call under construction.
pub(crate) struct Form {
    call: Call,
    body: String,
}

impl Form {
    pub(crate) fn new(url: Url, timeout: Duration, max_answer: usize) -> Self {
        let mut call = Call::get(url);
        call.method = Method::POST;
        call.timeout = timeout;
        call.max_body = max_answer;
        let json = HeaderValue::from_static("application/json");
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        call.headers.insert(ACCEPT, json);
        call.headers.insert(CONTENT_TYPE, form);
        Self {
            call,
            body: String::new(),
        }
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let written = std::mem::take(&mut self.body);
        let mut fields = form_urlencoded::Serializer::for_suffix(written, 0);
        self.body = fields.append_pair(name, value).finish();
    }

    /// Asks for an answer of another form than JSON.
    pub(crate) fn accept(&mut self, form: HeaderValue) {
        self.call.headers.insert(ACCEPT, form);
    }

    pub(crate) fn authorize(&mut self, mut credentials: HeaderValue) {
        credentials.set_sensitive(true);
        self.call.headers.insert(AUTHORIZATION, credentials);
    }

    pub(crate) fn into_call(mut self) -> Call {
        self.call.body = Bytes::from(self.body);
        self.call
    }
}
