//! Our own client gets tokens from the same provider, by `private_key_jwt`.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use url::Url;
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_test_support::door::doors;
use ztag_test_support::{Failure, OidcProvider};
use ztag_token::Algorithm;
use ztag_token::client::{
    Assertion, Authentication, ClientCredentials, CredentialsRequest, Signer, TokenEndpoint,
};
use ztag_types::{Secret, SystemClock};

use crate::{API, expect, policy};

fn endpoint(provider: &OidcProvider, audience: &str) -> Result<TokenEndpoint, Failure> {
    let key = Secret::new(fs::read_to_string(provider.client_key())?);
    let signer = Signer::parse(&key, Algorithm::Es256, Some("client")).map_err(told)?;
    let assertion = Assertion::new("tester", audience, Arc::new(signer));
    let url = format!("{}/token", provider.issuer());
    Ok(TokenEndpoint {
        address: Url::parse(&url).map_err(told)?.into(),
        authentication: Authentication::Assertion(Arc::new(assertion)),
        timeout: Duration::from_secs(10),
        client: Arc::new(Client::new(&ClientSpec::default(), TlsMaterial::none()).map_err(told)?),
        clock: Arc::new(SystemClock::new()),
    })
}

fn request(scope: &str) -> CredentialsRequest {
    CredentialsRequest {
        scope: Some(scope.to_owned()),
        resources: vec![API.to_owned()],
        audience: None,
    }
}

#[tokio::test]
async fn our_client_is_a_client_like_others() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    let own = ClientCredentials::new(endpoint(&provider, &provider.issuer())?, request("read"));
    let token = own.token().await.map_err(told)?;
    for door in doors(&policy(&provider))? {
        expect(&*door, "/read", token.token.expose(), (200, "rules_passed"))?;
        expect(
            &*door,
            "/write",
            token.token.expose(),
            (403, "fail_condition"),
        )?;
    }
    Ok(())
}

#[tokio::test]
async fn attack_35_an_assertion_for_another_server_is_refused() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    let own = ClientCredentials::new(
        endpoint(&provider, "https://other.example")?,
        request("read"),
    );
    assert!(own.token().await.is_err());
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn told(error: impl ToString) -> Failure {
    Failure::new(error.to_string())
}
