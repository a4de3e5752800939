//! Which names the expressions of a rule may read.

use ztag_expr::{Shape, Vocabulary};
use ztag_types::Root;

use crate::deps::RuleDeps;
use crate::spec::RuleSpec;

/// The vocabularies of one rule.
pub(crate) struct Words {
    /// Of `forwardAs`: before anything is forwarded.
    pub(crate) forward: Vocabulary,
    /// Of the backend request: before there is a reply.
    pub(crate) request: Vocabulary,
    /// Of what a store of relationships is asked: before there is an answer of anybody.
    pub(crate) ask: Vocabulary,
    /// Of conditions, local variables and exports.
    pub(crate) judge: Vocabulary,
}

impl Words {
    pub(crate) fn new(spec: &RuleSpec, deps: &RuleDeps<'_>) -> Self {
        let response = deps.earlier.iter().flat_map(|rule| &rule.exports);
        let judged = Shape::record(["name", "outcome", "reason"].map(|name| (name, Shape::String)));
        let base = Vocabulary::policy(&[
            Root::Request,
            Root::Subrequest,
            Root::Admission,
            Root::Forward,
            Root::Endpoint,
            Root::CorrelationId,
            Root::Now,
        ])
        .with(Root::Response, names(response, &Shape::Any))
        .with(Root::Rule, Shape::record([("name", Shape::String)]))
        .with(Root::Chain, Shape::list(judged));
        let request = base.clone().with(Root::Variables, variables(None, deps));
        let own = variables(Some(spec), deps);
        let judge = base
            .clone()
            .with(Root::Auth, auth(true))
            .with(Root::Backend, standard(Root::Backend))
            .with(Root::Variables, own.clone());
        Self {
            ask: base.with(Root::Auth, auth(true)).with(Root::Variables, own),
            forward: request.clone().with(Root::Auth, auth(false)),
            request: request.with(Root::Auth, auth(true)),
            judge: [
                (spec.fga.is_some(), Root::Fga),
                (spec.inspect.is_some(), Root::Guard),
            ]
            .into_iter()
            .filter(|(known, _)| *known)
            .fold(judge, |own, (_, root)| own.with(root, standard(root))),
        }
    }
}

fn standard(root: Root) -> Shape {
    let vocabulary = Vocabulary::policy(&[root]);
    let found = vocabulary.find(root.as_str());
    found.map_or(Shape::Any, |(_, shape)| shape.clone())
}

fn names<'n>(names: impl IntoIterator<Item = &'n String>, shape: &Shape) -> Shape {
    let names = names.into_iter();
    Shape::record(names.map(|name| (name.as_str(), shape.clone())))
}

fn variables(spec: Option<&RuleSpec>, deps: &RuleDeps<'_>) -> Shape {
    let earlier = deps.earlier.iter();
    let by_rule = earlier.map(|rule| (rule.name.as_str(), names(&rule.exports, &Shape::Any)));
    let tiers = [
        ("endpoint", names(&deps.endpoint.variables, &Shape::Any)),
        ("rule", Shape::record(by_rule)),
        (
            "environment",
            names(&deps.endpoint.environment, &Shape::String),
        ),
        ("secrets", names(&deps.endpoint.secrets, &Shape::String)),
    ];
    let local = spec.map(|spec| ("local", names(spec.variables.keys(), &Shape::Any)));
    Shape::record(tiers.into_iter().chain(local))
}

fn auth(forwarded: bool) -> Shape {
    let texts = || Shape::map(Shape::String);
    let input = Shape::record([
        ("bearer", Shape::record([("token", Shape::String)])),
        (
            "basic",
            Shape::record([("user", Shape::String), ("password", Shape::String)]),
        ),
        ("jwt", principal()),
        ("introspection", principal()),
        ("certificate", certificate()),
        ("header", texts()),
        ("query", texts()),
    ]);
    let forward = ["type", "name", "value", "token", "user", "password"];
    let forward = Shape::record(forward.map(|name| (name, Shape::String)));
    let own = [("selected", Shape::String), ("input", input)];
    let own = own.into_iter();
    Shape::record(own.chain(forwarded.then_some(("forward", forward))))
}

/// A token, and what its issuer says. Claims are as open as issuers are.
fn principal() -> Shape {
    Shape::record([
        ("token", Shape::String),
        ("issuer", Shape::String),
        ("claims", Shape::map(Shape::Any)),
        ("actor", Shape::map(Shape::Any)),
    ])
}

fn certificate() -> Shape {
    let texts = ["fingerprint", "subject", "issuer", "serial", "spiffeId"];
    let lists = ["dns", "uris", "emails"];
    let texts = texts.map(|name| (name, Shape::String));
    let lists = lists.map(|name| (name, Shape::list(Shape::String)));
    let expires = ("expires", Shape::Timestamp);
    Shape::record(texts.into_iter().chain(lists).chain([expires]))
}
