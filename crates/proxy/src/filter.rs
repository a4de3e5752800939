//! Leaving out of a response what its client may not see.
//!
//! The list in a JSON body is reduced to the items to which the client has a relation. Everything else
//! stays byte for byte. What cannot be reduced is not passed on.

mod compile;
mod items;
mod spec;
mod viewer;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use ztag_fga_remote::{Authority, Check, Given, Name, Undecided, Unfit};
use ztag_types::{Reason, ReasonCode, Value};

use crate::forward::ReplyBody;
use crate::whole::{self, Gathered, Unwhole};
use items::{NoItems, Pointer};

pub(crate) use compile::FilterDeps;
pub use spec::ItemFilterSpec;
pub(crate) use viewer::Viewer;

/// What a route leaves out of responses, compiled.
#[derive(Clone, Debug)]
pub(crate) struct ItemFilter {
    store: Box<str>,
    authority: Authority,
    items: Pointer,
    user: Name,
    relation: Name,
    object: Name,
    max_body: usize,
    max_items: usize,
}

/// Why a response is not passed on. Messages hold no value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfiltered {
    /// The client has no name that could be asked for.
    #[error("filterItems.{key}: {why}")]
    Nobody {
        /// `user` or `relation`.
        key: &'static str,
        /// Why not.
        why: Unfit,
    },
    /// The body is of another kind than JSON.
    #[error("the body is not of a JSON type")]
    Type,
    /// The body is not there whole.
    #[error(transparent)]
    Body(#[from] Unwhole),
    /// There is no list.
    #[error(transparent)]
    Items(#[from] NoItems),
    /// The store has no answer.
    #[error("store `{store}`: {why}")]
    Undecided {
        /// The store.
        store: Box<str>,
        /// Why not.
        why: Undecided,
    },
}

impl Unfiltered {
    /// The status that the client gets.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Nobody { .. } => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// The reason for the record.
    pub(crate) fn reason(&self) -> Reason {
        let code = match self {
            Self::Nobody { .. } => ReasonCode::FgaUnaskable,
            Self::Undecided { .. } => ReasonCode::FgaUndecided,
            _ => ReasonCode::UpstreamFailed,
        };
        Reason::with_detail(code, self.to_string())
    }
}

impl ItemFilter {
    /// The response without the items that `viewer` may not see, to a request of this `method`.
    pub(crate) async fn apply(
        &self,
        viewer: &Viewer,
        method: &Method,
        response: Response<ReplyBody>,
    ) -> Result<Response<ReplyBody>, Unfiltered> {
        let (mut head, body) = response.into_parts();
        if whole::is_bodiless(method, head.status) {
            whole::rewritten(&mut head.headers, None);
            return Ok(Response::from_parts(head, body));
        }
        let is_success = head.status.is_success();
        whole::check(head.status, &head.headers)?;
        if !whole::media(&head.headers).is_some_and(whole::is_json) {
            // What tells of a failure, such as a page for people, lists nothing.
            return if is_success {
                Err(Unfiltered::Type)
            } else {
                Ok(Response::from_parts(head, body))
            };
        }
        let mut body = body;
        let Gathered::Whole(body) = whole::gather(&mut body, self.max_body).await? else {
            return Err(Unwhole::TooLarge.into());
        };
        let kept = match self.items.find(&body, self.max_items) {
            Ok(items) => {
                let ranges = items.items.iter();
                let parts = ranges.map(|range| body.get(range.clone()).unwrap_or_default());
                let keeps = self.judge(viewer, parts).await?;
                Bytes::from(items.keep(&body, &keeps))
            }
            Err(NoItems::Absent) if !is_success => body,
            Err(why) => return Err(why.into()),
        };
        whole::rewritten(&mut head.headers, Some(kept.len()));
        Ok(Response::from_parts(head, ReplyBody::from(kept)))
    }

    /// Which of the items may be seen. One that stands for no object may not.
    async fn judge<'i>(
        &self,
        viewer: &Viewer,
        items: impl Iterator<Item = &'i [u8]>,
    ) -> Result<Vec<bool>, Unfiltered> {
        let objects: Vec<_> = items.map(|item| self.object_of(viewer, item)).collect();
        let named = objects.iter().flatten();
        let checks: Vec<_> = named.map(|object| viewer.check(object)).collect();
        let mut answers = if checks.is_empty() {
            Vec::new().into_iter()
        } else {
            self.ask(&checks).await?.into_iter()
        };
        let keeps = objects.iter().map(|object| match object {
            Some(_) => answers.next().unwrap_or(false),
            None => false,
        });
        Ok(keeps.collect())
    }

    async fn ask(&self, checks: &[Check]) -> Result<Vec<bool>, Unfiltered> {
        let answers = self.authority.check(checks, &Given::default()).await;
        let results = answers.results.into_iter().collect::<Result<_, _>>();
        results.map_err(|why| Unfiltered::Undecided {
            store: self.store.clone(),
            why,
        })
    }

    fn object_of(&self, viewer: &Viewer, item: &[u8]) -> Option<String> {
        let item: serde_json::Value = serde_json::from_slice(item).ok()?;
        let item = Value::from(item);
        viewer
            .with_item(&item, |scope| self.object.render(scope))
            .ok()
    }
}
