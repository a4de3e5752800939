//! One function for each thing that reads input from outside.

mod canonical;
mod capture;
mod config;
mod entry;
mod expression;
mod extract;
mod filter;
mod forwarded;
mod guard;
mod links;
mod streams;

/// Takes any bytes; panics when something is wrong.
pub(crate) type Target = fn(&[u8]);

/// Every target by the name of its folder of seeds.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("canonical", canonical::target),
    ("capture", capture::target),
    ("cel", expression::cel),
    ("config", config::document),
    ("description", config::description),
    ("entry", entry::target),
    ("events", filter::events),
    ("extract", extract::target),
    ("filter", filter::target),
    ("forwarded", forwarded::target),
    ("guard", guard::inspection),
    ("links", links::target),
    ("normaliser", guard::normaliser),
    ("streams", streams::target),
    ("template", expression::template),
    ("views", guard::views),
];
