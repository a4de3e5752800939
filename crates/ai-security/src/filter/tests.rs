//! Tests of the filter as a whole.

mod cases;
mod floors;
mod wordings;
