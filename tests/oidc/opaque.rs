//! Tokens that only their provider understands.

use ztag_test_support::door::doors;
use ztag_test_support::{Failure, OidcProvider};

use crate::{expect, policy, token, wait_for};

const OPAQUE: &str = "https://opaque.example.com";
const INTROSPECTION: &str = "/token/introspection";

#[test]
fn opaque_tokens_are_asked_about_once_and_refused_once_revoked() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    for door in doors(&policy(&provider))? {
        let opaque = token(&provider, OPAQUE, "read")?;
        let before = provider.requests(INTROSPECTION)?;
        let observed = expect(&*door, "/read", &opaque, (200, "rules_passed"))?;
        let user = observed.identity.value("x-user");
        assert_eq!(user.as_deref(), Some("tester"), "{}", door.name());
        expect(&*door, "/write", &opaque, (403, "fail_condition"))?;
        let asked = provider.requests(INTROSPECTION)? - before;
        assert!(asked <= 2, "{}: asked {asked} times", door.name());
        provider.foreign_client(&["revoke", &opaque])?;
        // Within `maxAge`, which is a second here.
        let refused = wait_for(&*door, &opaque, 401)?;
        let reason = door.reason(&refused)?;
        assert_eq!(reason.as_deref(), Some("token_refused"), "{}", door.name());
        expect(
            &*door,
            "/read",
            "made-up-opaque-token",
            (401, "token_refused"),
        )?;
    }
    Ok(())
}

/// The provider takes each assertion once: every question comes with one of its own.
#[test]
fn attack_35_every_question_shows_anew_who_asks() -> Result<(), Failure> {
    const QUESTIONS: usize = 4;
    let provider = OidcProvider::start()?;
    for door in doors(&policy(&provider))? {
        let before = provider.requests(INTROSPECTION)?;
        for _ in 0..QUESTIONS {
            let opaque = token(&provider, OPAQUE, "read")?;
            expect(&*door, "/read", &opaque, (200, "rules_passed"))?;
        }
        let asked = provider.requests(INTROSPECTION)? - before;
        assert_eq!(asked, QUESTIONS as u64, "{}", door.name());
    }
    Ok(())
}

#[test]
fn a_provider_that_cannot_be_asked_leaves_the_door_shut() -> Result<(), Failure> {
    let mut provider = OidcProvider::start()?;
    let opaque = token(&provider, OPAQUE, "read")?;
    let policy = policy(&provider);
    provider.kill();
    for door in doors(&policy)? {
        expect(&*door, "/read", &opaque, (503, "token_undecided"))?;
    }
    Ok(())
}
