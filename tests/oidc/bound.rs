//! Tokens bound to a key (RFC 9449), shown by a client that is not ours.

use std::net::SocketAddr;

use serde_json::{Value as Json, json};
use ztag_test_support::door::{Asked, Door, Front};
use ztag_test_support::{Failure, OidcProvider};

use crate::policy;

/// What the client is answered at `url`.
fn prove(provider: &OidcProvider, address: SocketAddr, path: &str) -> Result<Json, Failure> {
    provider.foreign_client(&["prove", &format!("http://{address}{path}")])
}

fn check(name: &str, answers: &Json, log: &str) {
    assert_eq!(answers.get("type"), Some(&json!("dpop")), "{answers}");
    // Once without the nonce that is demanded, once with it.
    assert_eq!(
        answers.get("proof"),
        Some(&json!([401, 200])),
        "{name}: {answers}\n{log}"
    );
    assert_eq!(
        answers.get("bearer"),
        Some(&json!(401)),
        "{name}: {answers}"
    );
    let stranger = answers.get("stranger").and_then(Json::as_array);
    let stranger = stranger.map(Vec::as_slice).unwrap_or_default();
    let refused = !stranger.is_empty() && stranger.iter().all(|status| *status == 401);
    assert!(refused, "{name}: {answers}");
}

#[test]
fn a_bound_token_opens_the_gateway_for_the_holder_of_its_key() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    let gateway = Front::open(&policy(&provider))?;
    let answers = prove(&provider, gateway.address(), "/read")?;
    check(gateway.name(), &answers, &gateway.process().log());
    Ok(())
}

#[test]
fn and_forward_auth_where_it_is_asked_directly() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    let asked = Asked::directly(&policy(&provider))?;
    let answers = prove(&provider, asked.address(), "/api/auth")?;
    check(asked.name(), &answers, &asked.process().log());
    Ok(())
}
