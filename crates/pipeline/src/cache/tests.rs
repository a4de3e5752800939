use std::borrow::Cow;

use ztag_result_cache::CacheSpec;
use ztag_types::{
    ClientCertificate, ManualClock, Object, Outcome, Principal, Reason, ReasonCode, Secret,
};

use super::*;

/// A token that expires.
#[derive(Debug)]
struct Expiring(Map, i64);

impl Principal for Expiring {
    fn issuer(&self) -> &'static str {
        "https://idp.example/"
    }

    fn claims(&self) -> &dyn Object {
        &self.0
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed("{}")
    }

    fn actor(&self) -> Option<&Map> {
        None
    }

    fn expires(&self) -> Timestamp {
        Timestamp::from_seconds(self.1)
    }
}

fn token(expires: i64) -> Credential {
    Credential::Jwt {
        token: Secret::new("t0ken".into()),
        principal: Arc::new(Expiring(Map::new(), expires)),
    }
}

fn certificate(expires: i64) -> Credential {
    Credential::Certificate {
        certificate: Arc::new(ClientCertificate {
            expires: Timestamp::from_seconds(expires),
            ..ClientCertificate::default()
        }),
    }
}

/// How long a verdict about these credentials is remembered at 1,000 seconds, where the
/// configuration says 60.
fn lifetime(credentials: &[Credential]) -> Option<Duration> {
    let spec = CacheSpec::default();
    let store = ResultCache::memory(&spec, Arc::new(ManualClock::default()));
    let nothing = ztag_types::Reads::nothing();
    let cache = DecisionCache::new(
        Arc::new(store),
        spec.namespace(),
        Fingerprint::new([7; 32]),
        Duration::from_mins(1),
        (&nothing, &nothing),
    )
    .unwrap();
    let verdict = Verdict {
        outcome: Outcome::Pass,
        reason: Reason::new(ReasonCode::RulesPassed),
        rule: None,
        exports: Exports::default(),
        backend: BackendState::default(),
        fresh_for: None,
        challenge: None,
        masked: None,
    };
    let admitted = Admitted {
        credentials: credentials.iter().cloned().collect(),
        authenticated: true,
        reason: Cow::Borrowed(""),
    };
    let now = Timestamp::from_seconds(1_000);
    let (_, lifetime) = cache.entry(&verdict, &admitted, now)?;
    Some(lifetime)
}

#[test]
fn attack_42_a_remembered_verdict_ends_with_what_it_was_given_for() {
    let seconds = |count| Some(Duration::from_secs(count));
    let bearer = Credential::Bearer {
        token: Secret::new("opaque".into()),
    };
    assert_eq!(lifetime(std::slice::from_ref(&bearer)), seconds(60));
    assert_eq!(lifetime(&[token(5_000)]), seconds(60));
    assert_eq!(lifetime(&[token(1_010)]), seconds(10));
    assert_eq!(lifetime(&[bearer, token(1_010)]), seconds(10));
    assert_eq!(lifetime(&[token(1_030), certificate(1_020)]), seconds(20));
    for over in [1_000, 999] {
        assert_eq!(lifetime(&[token(over)]), None, "{over}");
        assert_eq!(lifetime(&[certificate(over)]), None, "{over}");
    }
}
