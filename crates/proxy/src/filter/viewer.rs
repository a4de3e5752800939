//! Who sees a list.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use ztag_expr::{Shape, Vocabulary};
use ztag_fga_remote::Check;
use ztag_pipeline::Request as Judged;
use ztag_types::{Key, Map, Object, Principal, Scope, SmolStr, Value, View};

use super::{ItemFilter, Unfiltered};

/// Slots of what templates read.
const REQUEST: usize = 0;
const IDENTITY: usize = 1;
const TOKEN: usize = 2;
const ITEM: usize = 3;

/// Whom a list is reduced for, and what the templates of its items read.
#[derive(Debug)]
pub(crate) struct Viewer {
    user: String,
    relation: String,
    evidence: Evidence,
}

#[derive(Debug)]
struct Evidence {
    request: RequestLine,
    /// What the endpoint says of the client, by field.
    identity: Map,
    principal: Option<Arc<dyn Principal>>,
}

#[derive(Debug)]
struct RequestLine {
    method: SmolStr,
    path: SmolStr,
    host: SmolStr,
}

/// The names that templates may read.
pub(super) fn words(item: bool) -> Vocabulary {
    let request = ["method", "path", "host"].map(|name| (name, Shape::String));
    let token = [
        ("issuer", Shape::String),
        ("claims", Shape::map(Shape::Any)),
    ];
    let words = Vocabulary::new()
        .declare("request", REQUEST, Shape::record(request))
        .declare("identity", IDENTITY, Shape::map(Shape::String))
        .declare("token", TOKEN, Shape::record(token));
    if item {
        words.declare("item", ITEM, Shape::Any)
    } else {
        words
    }
}

impl ItemFilter {
    /// Who sees the response to this request.
    pub(crate) fn viewer(&self, judged: &Judged) -> Result<Viewer, Unfiltered> {
        let path = judged.target.path();
        let evidence = Evidence {
            request: RequestLine {
                method: judged.method.as_str().into(),
                path: path.into(),
                host: judged.host.clone(),
            },
            identity: fields(&judged.identity),
            principal: judged
                .verified
                .as_ref()
                .map(|own| Arc::clone(&own.principal)),
        };
        let nobody = |key| move |why| Unfiltered::Nobody { key, why };
        let user = evidence.over(View::Null, |scope| self.user.render(scope));
        let relation = evidence.over(View::Null, |scope| self.relation.render(scope));
        Ok(Viewer {
            user: user.map_err(nobody("user"))?,
            relation: relation.map_err(nobody("relation"))?,
            evidence,
        })
    }
}

impl Viewer {
    /// Whether the viewer has the relation to `object`.
    pub(super) fn check(&self, object: &str) -> Check {
        Check {
            user: self.user.clone(),
            relation: self.relation.clone(),
            object: object.to_owned(),
        }
    }

    /// Runs `read` over what is known, and an item.
    pub(super) fn with_item<T>(&self, item: &Value, read: impl FnOnce(Scope<'_>) -> T) -> T {
        self.evidence.over(item.view(), read)
    }
}

impl Evidence {
    fn over<T>(&self, item: View<'_>, read: impl FnOnce(Scope<'_>) -> T) -> T {
        let token = self.principal.as_ref().map(|own| Token(&**own));
        let token = token.as_ref().map_or(View::Null, |own| View::Object(own));
        let slots = [
            View::Object(&self.request),
            View::Map(&self.identity),
            token,
            item,
        ];
        read(Scope::new(&slots))
    }
}

/// Fields by name; of several of one name the first. One that is no text is left out.
fn fields(identity: &[(HeaderName, HeaderValue)]) -> Map {
    let pairs = identity.iter().rev().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((Key::from(name.as_str()), Value::text(value)))
    });
    pairs.collect()
}

impl Object for RequestLine {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(View::Str(match name {
            "method" => &self.method,
            "path" => &self.path,
            "host" => &self.host,
            _ => return None,
        }))
    }

    fn names(&self) -> Vec<&str> {
        vec!["method", "path", "host"]
    }
}

/// What the token says by which the request was admitted; never the token itself.
struct Token<'a>(&'a dyn Principal);

impl Object for Token<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "issuer" => Some(View::Str(self.0.issuer())),
            "claims" => Some(View::Object(self.0.claims())),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        vec!["issuer", "claims"]
    }
}
