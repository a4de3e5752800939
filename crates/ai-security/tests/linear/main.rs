//! What reading costs grows with the text, whatever it says: nothing takes the square of its length.

#![cfg(test)]

mod bodies;
mod meter;
mod streams;
mod texts;
