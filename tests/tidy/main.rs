//! Documents and code say the same. Parts of `design/` stand between markers such as
//! `<!-- stages -->` and `<!-- /stages -->`; some of them are written by these tests when
//! `ZTAG_BLESS=1` is set.

mod config_keys;
mod dependencies;
mod floors;
mod links;
mod metrics;
mod names;
mod page;
mod sources;
mod threats;
mod tree;
