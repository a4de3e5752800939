//! Questions and answers as the HTTP API of `OpenFGA` writes them.

mod asked;
mod told;

pub(super) use asked::{batch, check, list};
pub(super) use told::{
    Change, Changes, batched, changes, checked, latest_model, listed, model, refusal,
};
