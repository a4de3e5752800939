//! Tokens that nobody issued, or for somebody else, through every door: while nobody has shown a
//! good one yet, and afterwards.

use serde_json::json;
use ztag_test_support::door::{Door, Knock, Observed, doors};
use ztag_test_support::{Failure, Mint, MockServer, Reply, unix_time};

use crate::report;

const ISSUER: &str = "https://idp.example/";
const AUDIENCE: &str = "https://api.example";

/// Header and claims of a good token. Forgeries differ from them by a few letters, so that names
/// can stand twice and values have any type.
const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#;
const CLAIMS: &str = r#"{"iss":"https://idp.example/","aud":"https://api.example","sub":"alice","client_id":"cli","jti":"j","iat":{iat},"exp":{exp},"scope":"read"}"#;

/// What is changed, into what: in the header or in the claims.
type Change = (&'static str, &'static str);

const CLAIMS_OF_OTHER_TYPES: &[Change] = &[
    (r#""exp":{exp}"#, r#""exp":"{exp}""#),
    (r#""exp":{exp}"#, r#""exp":[{exp}]"#),
    (r#""exp":{exp}"#, r#""exp":null"#),
    (r#""exp":{exp}"#, r#""exp":true"#),
    (r#""exp":{exp}"#, r#""exp":-1"#),
    (r#""exp":{exp}"#, r#""exp":1e400"#),
    (r#""exp":{exp}"#, r#""exp":9223372036854775808"#),
    (r#""exp":{exp}"#, r#""exp":{exp},"nbf":"0""#),
    (r#""iat":{iat}"#, r#""iat":"{iat}""#),
    (
        r#""aud":"https://api.example""#,
        r#""aud":{"https://api.example":1}"#,
    ),
    (
        r#""aud":"https://api.example""#,
        r#""aud":[["https://api.example"]]"#,
    ),
    (r#""aud":"https://api.example""#, r#""aud":7"#),
    (
        r#""iss":"https://idp.example/""#,
        r#""iss":["https://idp.example/"]"#,
    ),
    (r#""sub":"alice""#, r#""sub":7"#),
    (r#""sub":"alice""#, r#""sub":{"alice":true}"#),
    ("{\"iss\"", "[{\"iss\""),
];

const CONFUSED_HEADERS: &[Change] = &[
    ("ES256", "none"),
    ("ES256", "None"),
    ("ES256", "nOnE"),
    ("ES256", ""),
    ("ES256", "es256"),
    ("ES256", "HS256"),
    ("ES256", "ES384"),
    ("ES256", "RS256"),
    ("\"ES256\"", "null"),
    ("\"ES256\"", "[\"ES256\"]"),
    (r#""alg":"ES256","#, ""),
    (r#""alg":"ES256""#, r#""alg":"none","alg":"ES256""#),
    (r#""alg":"ES256""#, r#""alg":"ES256","\u0061lg":"none""#),
    (r#""kid":"k""#, r#""kid":"k","kid":"k""#),
    (r#""kid":"k""#, r#""kid":"../../../../dev/null""#),
    (r#""kid":"k""#, r#""kid":"k' OR '1'='1""#),
    (r#""kid":"k""#, r#""kid":"k\u0000""#),
    (r#""kid":"k""#, r#""kid":["k"]"#),
    (r#""kid":"k""#, r#""kid":"k","crit":["exp"],"exp":1"#),
    (r#""kid":"k""#, r#""kid":"k","crit":[]"#),
    (r#""kid":"k""#, r#""kid":"k","crit":["b64"],"b64":false"#),
    ("at+jwt", "dpop+jwt"),
    ("at+jwt", "logout+jwt"),
    ("at+jwt", "client-authentication+jwt"),
    ("at+jwt", "JWT"),
    (r#""typ":"at+jwt","#, ""),
];

const DOUBLED_CLAIMS: &[Change] = &[
    (r#""sub":"alice""#, r#""sub":"alice","sub":"root""#),
    (r#""sub":"alice""#, r#""sub":"alice","\u0073ub":"root""#),
    (r#""exp":{exp}"#, r#""exp":1,"exp":{exp}"#),
    (
        r#""aud":"https://api.example""#,
        r#""aud":"https://other.example","aud":"https://api.example""#,
    ),
    (r#""scope":"read""#, r#""scope":"read","scope":"write""#),
];

const FOR_SOMEBODY_ELSE: &[Change] = &[
    (r#""aud":"https://api.example","#, ""),
    ("https://api.example", "https://other.example"),
    ("https://api.example", "https://api.example/"),
    ("https://api.example", "https://api.example.evil"),
    ("https://api.example", "https://API.example"),
    (r#""aud":"https://api.example""#, r#""aud":[]"#),
    (
        r#""aud":"https://api.example""#,
        r#""aud":"a https://api.example""#,
    ),
    (r#""iss":"https://idp.example/","#, ""),
    ("https://idp.example/", "https://idp.example"),
    ("https://idp.example/", "https://IDP.example/"),
    ("https://idp.example/", "https://idp.example:443/"),
    ("https://idp.example/", "https://evil.example/"),
    (r#""sub":"alice","#, ""),
    (r#""exp":{exp}"#, r#""exp":{iat}"#),
    (r#""exp":{exp},"#, ""),
    (r#""iat":{iat}"#, r#""iat":{exp}"#),
];

#[test]
fn attack_26_claims_of_other_types_are_refused() -> Result<(), Failure> {
    try_all(CLAIMS_OF_OTHER_TYPES, |mint, (from, to)| {
        mint.sign(HEADER, &fill(&CLAIMS.replacen(from, to, 1)))
    })
}

#[test]
fn attack_27_headers_that_confuse_are_refused() -> Result<(), Failure> {
    try_all(CONFUSED_HEADERS, |mint, (from, to)| {
        mint.sign(&HEADER.replacen(from, to, 1), &fill(CLAIMS))
    })
}

#[test]
fn attack_27_names_that_stand_twice_are_refused() -> Result<(), Failure> {
    try_all(DOUBLED_CLAIMS, |mint, (from, to)| {
        mint.sign(HEADER, &fill(&CLAIMS.replacen(from, to, 1)))
    })
}

#[test]
fn attack_27_tokens_do_not_bring_their_keys() -> Result<(), Failure> {
    let stranger = Mint::new("k")?;
    let keys = MockServer::start({
        let keys = json!({"keys": [stranger.public()]}).to_string();
        move |_| Reply::text(200, &keys)
    })?;
    let origin = format!("http://{}/jwks", keys.address());
    let brought = [
        format!(r#""kid":"k","jwk":{}"#, stranger.public()),
        format!(r#""kid":"k","jku":"{origin}""#),
        format!(r#""kid":"k","x5u":"{origin}""#),
        format!(r#""kid":"{origin}""#),
    ];
    try_all(&brought, |_, brought| {
        let header = HEADER.replacen(r#""kid":"k""#, brought, 1);
        stranger.sign(&header, &fill(CLAIMS))
    })?;
    assert_eq!(keys.connections(), 0, "somebody looked for keys");
    Ok(())
}

#[test]
fn attack_27_broken_forms_are_refused() -> Result<(), Failure> {
    let forms: [fn(&str) -> String; 14] = [
        |good| good.replacen('.', "", 1),
        |good| format!("{good}."),
        |good| format!("{good}.x"),
        |good| format!("{good}.x.y"),
        |good| format!("{good}="),
        |good| format!(".{good}"),
        |good| {
            good.rsplit_once('.')
                .map_or_else(String::new, |(signed, _)| format!("{signed}."))
        },
        |good| {
            good.rsplit_once('.')
                .map_or_else(String::new, |(signed, _)| signed.to_owned())
        },
        // Another letter in the middle of each part.
        |good| flip(good, 0),
        |good| flip(good, 1),
        |good| flip(good, 2),
        |good| good.replacen('.', "+.", 1),
        |_: &str| "....".to_owned(),
        |_| "a".repeat(20_000),
    ];
    try_all(&forms, |mint, form| form(&mint.sign(HEADER, &fill(CLAIMS))))
}

#[test]
fn attack_28_tokens_for_somebody_else_are_refused() -> Result<(), Failure> {
    try_all(FOR_SOMEBODY_ELSE, |mint, (from, to)| {
        mint.sign(HEADER, &fill(&CLAIMS.replacen(from, to, 1)))
    })
}

/// Whoever makes up names of keys makes us ask for keys as often as nobody does.
#[test]
fn attack_29_a_storm_of_unknown_keys_does_not_reach_the_issuer() -> Result<(), Failure> {
    const STORM: usize = 300;
    let mint = Mint::new("k")?;
    let keys = json!({"keys": [mint.public()]}).to_string();
    let issuer = MockServer::start(move |_| Reply::text(200, &keys))?;
    let source = format!("{{uri: 'http://{}/jwks'}}", issuer.address());
    for door in doors(&policy(&source))? {
        issuer.take_recorded();
        let good = mint.sign(HEADER, &fill(CLAIMS));
        assert_eq!(show(&*door, &good)?.status, Some(200), "{}", door.name());
        for number in 0..STORM {
            let header = HEADER.replacen(r#""kid":"k""#, &format!(r#""kid":"k{number}""#), 1);
            let made_up = show(&*door, &mint.sign(&header, &fill(CLAIMS)))?;
            assert_eq!(made_up.status, Some(401), "{}", door.name());
            if number % 50 == 0 {
                assert_eq!(show(&*door, &good)?.status, Some(200), "{}", door.name());
            }
        }
        let asked = issuer.take_recorded().len();
        assert!(
            asked <= 2,
            "{}: the issuer was asked {asked} times",
            door.name()
        );
    }
    Ok(())
}

#[test]
fn attack_33_secrets_that_can_be_guessed_are_refused_at_the_start() {
    for secret in ["", "secret", "changeme", "0123456789abcdef0123456789abcde"] {
        let keys = format!("{{}}, secret: {{algorithm: HS256, value: '{secret}'}}");
        assert!(doors(&policy(&keys)).is_err(), "`{secret}` signs tokens");
    }
}

/// Shows a forgery of each kind at every door, before and after a good token was accepted there.
fn try_all<T: std::fmt::Debug>(
    kinds: &[T],
    forge: impl Fn(&Mint, &T) -> String,
) -> Result<(), Failure> {
    let mint = Mint::new("k")?;
    let keys = json!({"keys": [mint.public()]});
    let mut deviations = Vec::new();
    for door in doors(&policy(&format!("{{keys: '{keys}'}}")))? {
        for warm in [false, true] {
            if warm {
                let good = show(&*door, &mint.sign(HEADER, &fill(CLAIMS)))?;
                let user = good.identity.value("x-user");
                assert_eq!(user.as_deref(), Some("alice"), "{}: {good:?}", door.name());
            }
            let shown = kinds
                .iter()
                .map(|kind| Ok((kind, show(&*door, &forge(&mint, kind))?)));
            for (kind, observed) in shown.collect::<Result<Vec<_>, Failure>>()? {
                let reason = door.reason(&observed)?;
                let (name, found) = (door.name(), accepted(&observed, reason.as_deref()));
                let told = found.map(|what| format!("{name} (warm: {warm}): {kind:?}: {what}"));
                deviations.extend(told);
            }
        }
    }
    report(&deviations)
}

/// Why this is no refusal of a token.
fn accepted(observed: &Observed, reason: Option<&str>) -> Option<String> {
    let refused = match (observed.status, reason) {
        (Some(401), Some(reason)) => ["token_refused", "credentials_missing"].contains(&reason),
        (Some(400), reason) => reason.is_none_or(|reason| reason == "credentials_malformed"),
        // Larger than any token, and than any head.
        (status, None) => status == Some(431),
        _ => false,
    };
    let arrived = observed.arrived.iter().flatten().count();
    (!refused || arrived > 0).then(|| format!("{reason:?}: {observed:?}"))
}

fn show(door: &dyn Door, token: &str) -> Result<Observed, Failure> {
    door.knock(&Knock {
        method: String::from("GET"),
        target: b"/orders/7".to_vec(),
        hosts: vec![b"app.example.com".to_vec()],
        lines: vec![format!("Authorization: Bearer {token}").into_bytes()],
    })
}

fn fill(claims: &str) -> String {
    let now = unix_time();
    let claims = claims.replace("{iat}", &(now - 60).to_string());
    claims.replace("{exp}", &(now + 600).to_string())
}

fn flip(token: &str, part: usize) -> String {
    let parts = token.split('.').enumerate().map(|(index, text)| {
        let middle = text.len() / 2;
        let change = |(at, letter): (usize, char)| match letter {
            'A' if at == middle => 'B',
            _ if at == middle => 'A',
            other => other,
        };
        if index == part {
            text.chars().enumerate().map(change).collect()
        } else {
            text.to_owned()
        }
    });
    parts.collect::<Vec<String>>().join(".")
}

fn policy(keys: &str) -> String {
    format!(
        "endpoints:
  api:
    authentication: {{allow: {{jwt: [idp]}}, challenge: {{type: bearer, realm: api}}}}
    rules: [{{name: identify}}]
    responsePolicy: {{pass: {{headers: {{x-user: '{{{{ response.user }}}}'}}}}}}
issuers:
  idp: {{issuer: '{ISSUER}', audiences: ['{AUDIENCE}'], jwks: {keys}}}
rules:
  identify:
    auth: [{{match: [{{type: jwt}}]}}]
    responses: {{pass: {{variables: {{user: auth.input.jwt.claims.sub}}}}}}
"
    )
}
