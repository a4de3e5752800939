#![doc = include_str!("../README.md")]

mod condition;
pub mod dsl;
mod error;
mod limits;
mod names;
pub mod spec;
mod tuple;

pub use error::{Error, ErrorCode};
pub use limits::Limits;
pub use names::is_plain_object_id;
pub use tuple::{Fields, Tuple, TupleCondition};
