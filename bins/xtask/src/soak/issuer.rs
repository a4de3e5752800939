//! An issuer whose keys change, and holders of its tokens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use ztag_test_support::{Failure, Mint, unix_time};

/// People with tokens of each key.
const HOLDERS: usize = 200;

/// Tokens of each key that end while the soak goes on.
const BRIEF: usize = 20;

/// How long a brief token lives, in seconds, and how long it is used as a good one: the difference
/// is what a request may take.
const BRIEF_LIFE: u64 = 5;
const BRIEF_USE: Duration = Duration::from_millis(1_500);

/// After that it is used as an expired one.
const BRIEF_GONE: Duration = Duration::from_secs(BRIEF_LIFE + 1);

/// Keys published at a time: the one in use, the next, and the last.
const KEYS: usize = 3;

/// Publishes keys and issues tokens.
pub(super) struct Issuer(Mutex<State>);

struct State {
    keys: VecDeque<Arc<Mint>>,
    made: usize,
    wallet: Arc<Wallet>,
}

/// A token and whom it names.
pub(super) struct Token {
    pub(super) subject: String,
    pub(super) text: String,
}

/// Tokens of one key.
pub(super) struct Wallet {
    /// Those that open what is asked.
    pub(super) holders: Vec<Token>,
    /// One that is good, for something else.
    pub(super) other_scope: String,
    issued: Instant,
    brief: Vec<Token>,
    /// Those that ended, remembered as good ones or not.
    before: Vec<String>,
}

impl Issuer {
    /// An issuer with one key.
    pub(super) fn new() -> Result<Self, Failure> {
        let key = Arc::new(Mint::new("key-0")?);
        let before = issue(&key, "ended", 0, unix_time() - 60, "orders:read");
        let wallet = Wallet::issue(&key, 0, vec![before.text]);
        Ok(Self(Mutex::new(State {
            keys: VecDeque::from([key]),
            made: 1,
            wallet: Arc::new(wallet),
        })))
    }

    /// The public keys.
    pub(super) fn jwks(&self) -> String {
        let keys: Vec<_> = self.state().keys.iter().map(|key| key.public()).collect();
        json!({ "keys": keys }).to_string()
    }

    /// The tokens in use.
    pub(super) fn wallet(&self) -> Arc<Wallet> {
        Arc::clone(&self.state().wallet)
    }

    /// Publishes one more key and withdraws the oldest, which nobody uses any more. Whoever asks for
    /// keys sees it before the first token is signed with it.
    pub(super) fn announce(&self) -> Result<(), Failure> {
        let mut state = self.state();
        let key = Arc::new(Mint::new(&format!("key-{}", state.made))?);
        state.made += 1;
        state.keys.push_back(key);
        if state.keys.len() > KEYS {
            state.keys.pop_front();
        }
        Ok(())
    }

    /// Signs with the newest key from now on.
    pub(super) fn rotate(&self) {
        let (key, turn, last) = {
            let state = self.state();
            let newest = state.keys.back().map(Arc::clone);
            (newest, state.made, Arc::clone(&state.wallet))
        };
        let Some(key) = key else { return };
        let before = if last.issued.elapsed() > BRIEF_GONE {
            last.brief.iter().map(|token| token.text.clone()).collect()
        } else {
            last.before.clone()
        };
        let wallet = Arc::new(Wallet::issue(&key, turn, before));
        self.state().wallet = wallet;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wallet {
    fn issue(key: &Mint, turn: usize, before: Vec<String>) -> Self {
        let now = unix_time();
        let many = |count, life| {
            let token = move |number| {
                let subject = format!("{turn}-{number}-{life}");
                issue(key, &subject, number, now + life, "profile orders:read")
            };
            (0..count).map(token).collect()
        };
        Self {
            holders: many(HOLDERS, 3_600),
            other_scope: issue(key, "stranger", 0, now + 3_600, "profile orders:readers").text,
            // Last: their time has begun.
            brief: many(BRIEF, BRIEF_LIFE),
            issued: Instant::now(),
            before,
        }
    }

    /// A good token.
    pub(super) fn holder(&self, turn: usize) -> Option<&Token> {
        self.holders.get(turn % self.holders.len().max(1))
    }

    /// A token that is good for a few seconds more, or else any good one.
    pub(super) fn brief(&self, turn: usize) -> Option<&Token> {
        if self.issued.elapsed() < BRIEF_USE {
            self.brief.get(turn % self.brief.len().max(1))
        } else {
            self.holder(turn)
        }
    }

    /// A token that was good once.
    pub(super) fn expired(&self, turn: usize) -> Option<&String> {
        self.before.get(turn % self.before.len().max(1))
    }
}

fn issue(key: &Mint, subject: &str, number: usize, expires: u64, scope: &str) -> Token {
    let text = key.token(&json!({
        "iss": "https://idp.example.com/",
        "aud": "https://api.example.com",
        "sub": subject,
        "client_id": "soak",
        "jti": format!("{subject}-{number}-{expires}"),
        "iat": unix_time().min(expires),
        "exp": expires,
        "scope": scope,
    }));
    Token {
        subject: subject.to_owned(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_published_before_they_are_used_and_withdrawn_after() {
        let issuer = Issuer::new().unwrap();
        assert!(issuer.wallet().expired(0).is_some());
        for turn in 1..6 {
            let signed = issuer.wallet().holder(0).unwrap().text.clone();
            issuer.announce().unwrap();
            assert_eq!(issuer.wallet().holder(0).unwrap().text, signed);
            assert!(issuer.jwks().contains(&format!("key-{turn}\"")));
            issuer.rotate();
            assert_ne!(issuer.wallet().holder(0).unwrap().text, signed);
            assert!(issuer.jwks().contains(&format!("key-{}\"", turn - 1)));
        }
        assert!(!issuer.jwks().contains("key-2\""));
    }
}
