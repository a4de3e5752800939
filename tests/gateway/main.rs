//! The gateway as its clients and upstreams see it, on the wire.

#![cfg(test)]

mod announced;
mod broken;
mod credentials;
mod crowd;
mod database;
mod drain;
mod encrypted;
mod expiry;
mod explain;
mod guard;
mod house;
mod http2;
mod relations;
mod restart;
mod routes;
mod slow;
mod upgrade;
mod upstreams;
