//! `ztag jws`: signed tokens as the gate judges them.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::{
    Algorithm, AlgorithmSet, Issuer, IssuerSpec, KeyStores, Places, Profile, Revocations,
    TokenCache, TokenCacheSpec, Verifier, case,
};
use ztag_types::{ConfigPath, Findings, SystemClock};

use crate::complain;

/// Exit code for a token that is refused.
const REFUSED: u8 = 1;

/// Exit code for input that cannot be read.
const UNUSABLE: u8 = 2;

#[derive(Debug, Args)]
pub(crate) struct JwsArguments {
    #[command(subcommand)]
    verb: JwsVerb,
}

#[derive(Debug, Subcommand)]
enum JwsVerb {
    /// Verify one token, or a stream of cases.
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 accepted, 1 refused, 2 the input is unusable.\n\n\
    Without --issuer and --audience only the signature is checked, and the payload may be anything."
)]
struct VerifyArguments {
    /// The token, in its compact form; `-` reads it from standard input.
    #[arg(required_unless_present = "jsonl")]
    token: Option<String>,

    /// File with the key: a JWK, a JWK set or a PEM public key. A symmetric JWK serves only with
    /// --alg HS256, HS384 or HS512.
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl")]
    key: Option<PathBuf>,

    /// Algorithm accepted, such as ES256; may be repeated. Default: all that need no shared secret.
    #[arg(long = "alg", value_name = "NAME", value_parser = algorithm)]
    algorithms: Vec<Algorithm>,

    /// Check the claims too: the issuer, as in `iss`.
    #[arg(long, value_name = "ISSUER", requires = "audience")]
    issuer: Option<String>,

    /// Check the claims too: who we are, as in `aud`; may be repeated.
    #[arg(long, value_name = "NAME", requires = "issuer")]
    audience: Vec<String>,

    /// What the token must look like: rfc9068, auth0, fapi2, spiffe or lenient.
    #[arg(long, value_name = "NAME", default_value = "rfc9068", value_parser = profile)]
    profile: Profile,

    /// Read one case a line from standard input (`{"id", "jws", "jwk" or "jwks", ..}`) and write
    /// one result a line (`{"id", "accept", "reason"}`).
    #[arg(long, conflicts_with_all = ["token", "key", "algorithms", "issuer", "audience", "profile"])]
    jsonl: bool,
}

pub(crate) fn run(arguments: &JwsArguments) -> ExitCode {
    let JwsVerb::Verify(arguments) = &arguments.verb;
    let done = match &arguments.token {
        Some(token) => verify(token, arguments),
        None => stream(),
    };
    done.unwrap_or_else(|error| {
        complain(&format!("ztag jws verify: {error}"));
        ExitCode::from(UNUSABLE)
    })
}

fn verify(token: &str, arguments: &VerifyArguments) -> io::Result<ExitCode> {
    let token = match token {
        "-" => io::read_to_string(io::stdin())?.trim_end().to_owned(),
        token => token.to_owned(),
    };
    let Some(path) = &arguments.key else {
        return Err(io::Error::other("--key is missing"));
    };
    let key = fs::read_to_string(path)
        .map_err(|error| io::Error::other(format!("`{}`: {error}", path.display())))?;
    let judged = match &arguments.issuer {
        None => verify_signature(&token, &key, arguments),
        Some(issuer) => verify_claims(&token, key, issuer, arguments)?,
    };
    match judged {
        Ok(payload) => {
            io::stdout().write_all(&payload)?;
            writeln!(io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            complain(&format!("refused: {reason}"));
            Ok(ExitCode::from(REFUSED))
        }
    }
}

/// The payload, or why the token is refused.
type Judged = Result<Vec<u8>, String>;

fn verify_signature(token: &str, key: &str, arguments: &VerifyArguments) -> Judged {
    let chosen = arguments.algorithms.iter().copied().collect();
    let allowed = if arguments.algorithms.is_empty() {
        AlgorithmSet::ASYMMETRIC
    } else {
        chosen
    };
    let signed = case::verify_text(token, key, allowed);
    let payload = signed.map(|signed| signed.payload().to_vec());
    payload.map_err(|error| error.to_string())
}

fn verify_claims(
    token: &str,
    key: String,
    issuer: &str,
    arguments: &VerifyArguments,
) -> io::Result<Judged> {
    let mut spec = IssuerSpec {
        issuer: issuer.to_owned(),
        audiences: arguments.audience.clone(),
        profile: arguments.profile,
        algorithms: arguments
            .algorithms
            .iter()
            .map(ToString::to_string)
            .collect(),
        ..IssuerSpec::default()
    };
    spec.jwks.keys = Some(key);
    let clock = Arc::new(SystemClock::new());
    let client = Client::new(&ClientSpec::default(), TlsMaterial::none());
    let client = Arc::new(client.map_err(io::Error::other)?);
    let mut findings = Findings::new();
    let stores = KeyStores::new(client, clock.clone());
    let compiled = Issuer::compile(&spec, &stores, &ConfigPath::root(), &mut findings);
    let found = findings.as_slice().iter();
    let found: Vec<_> = found
        .map(|found| format!("{}: {}", found.path, found.message))
        .collect();
    let compiled = compiled.ok_or_else(|| io::Error::other(found.join("; ")))?;
    let places = Places {
        cache: Arc::new(TokenCache::new(TokenCacheSpec::default())),
        revocations: Arc::new(Revocations::new(0)),
        clock,
    };
    let verifier = Verifier::new(vec![compiled], places);
    let judged = verifier.check(token);
    let payload = judged.map(|accepted| accepted.claims().to_json().into_bytes());
    Ok(payload.map_err(|refusal| refusal.to_string()))
}

fn stream() -> io::Result<ExitCode> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(output, "{}", case::evaluate_case(&line))?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Algorithm::ALL.iter().map(|own| own.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn profile(name: &str) -> Result<Profile, String> {
    serde_json::from_value(serde_json::Value::from(name)).map_err(|error| error.to_string())
}
