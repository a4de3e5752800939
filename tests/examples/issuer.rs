//! The issuer of the examples: metadata, one key, and tokens that it signs.

use serde_json::{Map, Value as Json, json};
use ztag_test_support::{Failure, Mint, MockServer, Recorded, Reply, unix_time};

const AUDIENCE: &str = "https://api.example.com";
/// How long its tokens are good, in seconds.
const LIFETIME: i64 = 600;

/// An issuer that can be asked for its keys.
pub(crate) struct Issuer {
    mint: Mint,
    server: MockServer,
}

impl Issuer {
    /// Starts it.
    pub(crate) fn start() -> Result<Self, Failure> {
        let mint = Mint::new("example")?;
        let keys = json!({"keys": [mint.public()]});
        let server = MockServer::start(move |request| answer(request, &keys))?;
        Ok(Self { mint, server })
    }

    /// Its port on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// A token with `claims` instead of what tokens hold otherwise; `exp` counts in seconds from
    /// now.
    pub(crate) fn token(&self, claims: &Map<String, Json>) -> String {
        let now = i64::try_from(unix_time()).unwrap_or(i64::MAX);
        let mut all = json!({
            "iss": format!("http://{}", self.server.address()), "aud": AUDIENCE,
            "client_id": "example", "jti": "example", "iat": now, "exp": now + LIFETIME,
        });
        for (name, value) in claims {
            all[name] = match value.as_i64() {
                Some(seconds) if name == "exp" => json!(now + seconds),
                _ => value.clone(),
            };
        }
        self.mint.token(&all)
    }
}

fn answer(request: &Recorded, keys: &Json) -> Reply {
    let host = request.headers.value("host").unwrap_or_default();
    let document = match request.path() {
        "/jwks" => keys.clone(),
        "/.well-known/openid-configuration" => {
            json!({"issuer": format!("http://{host}"), "jwks_uri": format!("http://{host}/jwks")})
        }
        _ => return Reply::text(404, "nothing here"),
    };
    let mut reply = Reply::text(200, &document.to_string());
    reply.headers.clear();
    reply.header("Content-Type", "application/json")
}
