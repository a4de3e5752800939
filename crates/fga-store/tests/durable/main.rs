//! What outlives the process, and what a failure leaves behind.
#![cfg(test)]

mod begin;
mod house;
mod images;
mod life;
mod refused;
mod server;
mod several;
mod shared;
mod upkeep;
