//! A server that speaks the HTTP API of `OpenFGA`.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use serde_json::{Value as Json, json};
use tokio::runtime::{self, Runtime};
use url::Url;
use ztag_backend::{Call, Client, ClientSpec, TlsMaterial};
use ztag_fga::spec::ModelSpec;
use ztag_fga::{Limits, Store, Tuple};
use ztag_types::Secret;

use super::trouble::Trouble;
use crate::progress::Progress;

/// Longest time for one call.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of one reply.
const MAX_REPLY: usize = 64 * 1024 * 1024;
/// Tuples of one page.
const PAGE: usize = 100;
/// Bytes of an error message shown.
const MAX_SHOWN: usize = 500;

/// One store of a server.
#[derive(Debug)]
pub(super) struct Remote {
    runtime: Runtime,
    client: Client,
    store: Url,
    model: Option<String>,
    token: Option<Secret<String>>,
}

/// A refusal of the server.
#[derive(Debug)]
pub(super) struct Refused {
    /// The status.
    pub(super) status: StatusCode,
    /// What it says.
    pub(super) message: String,
}

impl Remote {
    pub(super) fn new(
        server: &Url,
        store: &str,
        model: Option<String>,
        token: Option<Secret<String>>,
    ) -> Result<Self, Trouble> {
        let text = format!("{}/stores/{store}/", server.as_str().trim_end_matches('/'));
        let store = Url::parse(&text).map_err(|error| Trouble::new(error.to_string()))?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = Client::new(&ClientSpec::default(), TlsMaterial::none());
        Ok(Self {
            runtime,
            client: client.map_err(|error| Trouble::new(error.to_string()))?,
            store,
            model,
            token,
        })
    }

    /// Posts a question, about the model chosen if there is one.
    pub(super) fn ask(&self, call: &str, mut body: Json) -> Result<Json, Trouble> {
        if let (Some(model), Some(fields)) = (&self.model, body.as_object_mut()) {
            fields.insert("authorization_model_id".into(), json!(model));
        }
        self.post(call, &body)?
            .map_err(|refused| Trouble::new(refused.message))
    }

    /// Posts; a refusal is the caller's to judge.
    pub(super) fn post(&self, call: &str, body: &Json) -> Result<Result<Json, Refused>, Trouble> {
        self.send(Method::POST, call, body.to_string().into())
    }

    fn send(
        &self,
        method: Method,
        call: &str,
        body: Bytes,
    ) -> Result<Result<Json, Refused>, Trouble> {
        let url = self.store.join(call);
        let mut request = Call::get(url.map_err(|error| Trouble::new(error.to_string()))?);
        request.method = method;
        request.body = body;
        request.timeout = TIMEOUT;
        request.max_body = MAX_REPLY;
        let headers = &mut request.headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value =
                value.map_err(|_| Trouble::new("the token cannot stand in a header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let pages = self.runtime.block_on(self.client.send(request));
        let pages = pages.map_err(|failure| {
            Trouble::new(format!(
                "`{}` does not answer: {}",
                self.store,
                failure.kind()
            ))
        })?;
        let page = pages.last().ok_or_else(|| Trouble::new("an empty reply"))?;
        let text = String::from_utf8_lossy(&page.body);
        if !page.status.is_success() {
            let shown: String = text
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_SHOWN)
                .collect();
            return Ok(Err(Refused {
                status: page.status,
                message: format!("{}: {shown}", page.status),
            }));
        }
        if text.is_empty() {
            return Ok(Ok(Json::Null));
        }
        Ok(Ok(serde_json::from_str(&text)?))
    }

    /// Hands every page of stored tuples to `take`.
    pub(super) fn read_all(
        &self,
        mut take: impl FnMut(Vec<Tuple>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut token = Json::from("");
        loop {
            let body = json!({"page_size": PAGE, "continuation_token": token});
            let mut page = self
                .post("read", &body)?
                .map_err(|refused| Trouble::new(refused.message))?;
            let items = page.get_mut("tuples").map(Json::take).unwrap_or_default();
            let items = items.as_array().into_iter().flatten();
            let keys = items.filter_map(|item| item.get("key").cloned());
            let tuples = keys.map(serde_json::from_value).collect::<Result<_, _>>()?;
            take(tuples)?;
            let next = page.get_mut("continuation_token").map(Json::take);
            let next = next.unwrap_or_default();
            // A server that repeats itself would keep us here for ever.
            if next.as_str().is_none_or(str::is_empty) || next == token {
                return Ok(());
            }
            token = next;
        }
    }

    /// A copy of the store in memory: its model and all its tuples.
    pub(super) fn copy(&self) -> Result<Store, Trouble> {
        let store = Store::new(Limits::default());
        store.write_model(self.read_model()?)?;
        let progress = Progress::towards(None, "tuples");
        let mut count = 0;
        self.read_all(|tuples| {
            count += tuples.len();
            progress.show(count);
            // Tuples of older models do not count, and need not be there.
            for tuple in tuples {
                let _ = store.load(None, std::slice::from_ref(&tuple));
            }
            Ok(())
        })?;
        Ok(store)
    }

    fn read_model(&self) -> Result<ModelSpec, Trouble> {
        let call = match &self.model {
            Some(model) => format!("authorization-models/{model}"),
            None => "authorization-models?page_size=1".into(),
        };
        let answer = self.send(Method::GET, &call, Bytes::new())?;
        let mut answer = answer.map_err(|refused| Trouble::new(refused.message))?;
        let model = match &self.model {
            Some(_) => answer.get_mut("authorization_model"),
            None => answer.pointer_mut("/authorization_models/0"),
        };
        let model = model.map(Json::take);
        let model = model.ok_or_else(|| Trouble::new("the store has no model"))?;
        Ok(serde_json::from_value(model)?)
    }
}
