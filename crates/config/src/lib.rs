//! Placeholder.
mod document;
mod environment;
mod excerpt;
mod files;
mod locate;
mod note;
mod place;
mod report;
mod schema;
mod secrecy;
mod stale;
mod validate;
pub use report::{Finding, Report};
