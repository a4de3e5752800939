//! What clients show: keys, tokens, proofs and certificates, made anew for each run. Texts name them
//! as `${kind name}`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tempfile::TempDir;
use ztag_test_support::{Authority, Failure, Mint, TlsClient, digest, unix_time};

/// The host that all cases ask for.
pub(crate) const HOST: &str = "app.example.com";

/// What there is to show, as written.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct PurseScript {
    /// Signing keys (ES256): `${keys NAME}` is the key set, `${svid-keys NAME}` that of a SPIFFE trust
    /// domain, `${thumbprint NAME}` the thumbprint.
    keys: Vec<String>,
    /// Certificates with their names: `${fingerprint NAME}`, and `${certificate NAME}` as RFC 9440
    /// writes it.
    certificates: BTreeMap<String, Vec<String>>,
    /// `${token NAME}`.
    tokens: BTreeMap<String, TokenScript>,
    /// `${proof NAME}` (RFC 9449).
    proofs: BTreeMap<String, ProofScript>,
}

/// A token; `null` takes a member away, `now+60` is a time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenScript {
    key: String,
    #[serde(default)]
    header: Map<String, Json>,
    #[serde(default)]
    claims: Map<String, Json>,
}

/// A proof for a request with `token`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProofScript {
    key: String,
    token: String,
    #[serde(default)]
    claims: Map<String, Json>,
}

/// What there is to show.
pub(crate) struct Purse {
    words: BTreeMap<String, String>,
    authority: Authority,
    folder: TempDir,
    clients: BTreeMap<String, TlsClient>,
}

impl Purse {
    /// Makes everything.
    pub(crate) fn make(script: &PurseScript) -> Result<Self, Failure> {
        let (authority, folder) = (Authority::new()?, tempfile::tempdir()?);
        authority.write(folder.path())?;
        authority.issue(folder.path(), "server", &[HOST])?;
        let mut purse = Self {
            words: BTreeMap::new(),
            authority,
            folder,
            clients: BTreeMap::new(),
        };
        for (name, names) in &script.certificates {
            purse.certify(name, names)?;
        }
        let named = |name: &String| Ok((name.clone(), Mint::new(name)?));
        let mints: Result<BTreeMap<_, _>, Failure> = script.keys.iter().map(named).collect();
        purse.sign(script, &mints?)?;
        Ok(purse)
    }

    /// Lines of `server.listen` for a listener that speaks TLS and knows these certificates.
    pub(crate) fn listener(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "    tls:\n      certificates: [{{certFile: '{folder}/server.pem', keyFile: \
             '{folder}/server.key'}}]\n      clientAuth: {{mode: optional, caFile: \
             '{folder}/authority.pem'}}\n"
        )
    }

    /// A client that shows this certificate, or none.
    pub(crate) fn client(&self, certificate: Option<&str>) -> Result<TlsClient, Failure> {
        let Some(name) = certificate else {
            return self.authority.client(HOST, &["http/1.1"], None);
        };
        let client = self.clients.get(name).cloned();
        client.ok_or_else(|| Failure::new(format!("no certificate `{name}`")))
    }

    /// `text` with every `${..}` replaced.
    pub(crate) fn fill(&self, text: &str) -> Result<String, Failure> {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (word, rest) = part
                .split_once('}')
                .ok_or_else(|| Failure::new(format!("`${{` without end in `{text}`")))?;
            let value = self.words.get(word);
            let value = value.ok_or_else(|| Failure::new(format!("nothing is `{word}`")))?;
            filled.extend([value, rest]);
        }
        Ok(filled)
    }

    fn certify(&mut self, name: &str, names: &[String]) -> Result<(), Failure> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let issued = self.authority.issue(self.folder.path(), name, &names)?;
        let client = self.authority.client(HOST, &["http/1.1"], Some(&issued))?;
        self.clients.insert(name.to_owned(), client);
        self.note("fingerprint", name, issued.fingerprint()?);
        self.note("certificate", name, issued.field()?);
        Ok(())
    }

    fn sign(
        &mut self,
        script: &PurseScript,
        mints: &BTreeMap<String, Mint>,
    ) -> Result<(), Failure> {
        let mint = |name: &str| {
            let mint = mints.get(name);
            mint.ok_or_else(|| Failure::new(format!("no key `{name}`")))
        };
        for (name, mint) in mints {
            self.note("keys", name, json!({"keys": [mint.public()]}).to_string());
            self.note(
                "svid-keys",
                name,
                json!({"keys": [svid_key(mint)]}).to_string(),
            );
            self.note("thumbprint", name, mint.thumbprint());
        }
        for (name, token) in &script.tokens {
            let signed = self.token(name, token, mint(&token.key)?)?;
            self.note("token", name, signed);
        }
        for (name, proof) in &script.proofs {
            let signed = self.proof(name, proof, mint(&proof.key)?)?;
            self.note("proof", name, signed);
        }
        Ok(())
    }

    fn token(&self, name: &str, token: &TokenScript, mint: &Mint) -> Result<String, Failure> {
        let key = &token.key;
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": key});
        let claims = json!({
            "iss": format!("https://{key}.example/"), "aud": "https://api.example", "sub": "ada",
            "client_id": "cli", "jti": name, "iat": "now-60", "exp": "now+600",
        });
        let header = self.changed(header, &token.header)?;
        Ok(mint.sign(&header, &self.changed(claims, &token.claims)?))
    }

    fn proof(&self, name: &str, proof: &ProofScript, mint: &Mint) -> Result<String, Failure> {
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": mint.shown()});
        let claims = json!({
            "jti": name, "htm": "GET", "htu": format!("https://{HOST}/"), "iat": "now-1",
            "ath": digest(self.fill(&format!("${{token {}}}", proof.token))?),
        });
        Ok(mint.sign(&header.to_string(), &self.changed(claims, &proof.claims)?))
    }

    /// The members with these changes, as JSON.
    fn changed(&self, mut members: Json, changes: &Map<String, Json>) -> Result<String, Failure> {
        if let Json::Object(members) = &mut members {
            members.extend(changes.clone());
            members.retain(|_, value| !value.is_null());
            for value in members.values_mut() {
                if let Some(time) = value.as_str().and_then(time) {
                    *value = time.into();
                }
            }
        }
        self.fill(&members.to_string())
    }

    fn note(&mut self, kind: &str, name: &str, value: String) {
        self.words.insert(format!("{kind} {name}"), value);
    }
}

/// A key that signs SVIDs (SPIFFE Trust Domain and Bundle, section 4.2.2).
fn svid_key(mint: &Mint) -> Json {
    let mut key = mint.public();
    if let Json::Object(members) = &mut key {
        members.insert(String::from("use"), json!("jwt-svid"));
    }
    key
}

/// Seconds since 1970 of `now+60`.
fn time(text: &str) -> Option<i64> {
    let offset: i64 = text.strip_prefix("now")?.parse().ok()?;
    Some(i64::try_from(unix_time()).ok()? + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing() -> Result<(), Failure> {
        let purse = Purse::make(&PurseScript::default())?;
        assert_eq!(purse.fill("plain {{ text }}")?, "plain {{ text }}");
        assert!(purse.fill("${token nobody}").is_err());
        assert!(purse.fill("${token").is_err());
        Ok(())
    }
}
