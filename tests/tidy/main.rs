//! Documents and code say the same. Parts of `design/` stand between markers such as
//! `<!-- stages -->` and `<!-- /stages -->`; some of them, and the JSON Schemas of the configuration,
//! are written by these tests when `ZTAG_BLESS=1` is set.

mod config_keys;
mod config_schema;
mod dependencies;
mod floors;
mod links;
mod metrics;
mod names;
mod page;
mod sources;
mod threats;
mod tree;
