//! Which header fields travel on, which end here, and which are written anew.
//!
//! Everything here is a pure function of header fields and of what was judged about the request.

mod names;
mod policy;
mod request;
mod response;
mod via;

pub(crate) use policy::{Direction, HeaderPolicy};
pub(crate) use request::{Departure, departing, speaks_of_the_client};
pub(crate) use response::{returning, returning_trailers};
pub(crate) use via::{is_loop, sign};
