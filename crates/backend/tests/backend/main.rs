//! The client as backends see it.
#![cfg(test)]

mod calls;
mod dialing;
mod guard;
mod limits;
mod pages;
mod pooling;
mod retries;
mod stub;
mod tls;

use std::time::Duration;

use url::Url;
use ztag_backend::{Call, Client, ClientSpec, Failure, FailureKind, Pages, TlsMaterial};
use ztag_types::DurationSpec;

fn client() -> Client {
    client_of(&ClientSpec::default())
}

fn client_of(spec: &ClientSpec) -> Client {
    Client::new(spec, TlsMaterial::none()).unwrap()
}

fn millis(count: u64) -> DurationSpec {
    DurationSpec::new(Duration::from_millis(count))
}

fn get(url: &str) -> Call {
    Call::get(Url::parse(url).unwrap())
}

fn body(pages: &Pages) -> &str {
    std::str::from_utf8(&pages.last().unwrap().body).unwrap()
}

fn kind(outcome: Result<Pages, Failure>) -> FailureKind {
    outcome.unwrap_err().kind()
}
