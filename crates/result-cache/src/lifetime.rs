//! How long a verdict may be remembered.

use std::time::Duration;

use ztag_types::{DurationSpec, Outcome};

use crate::spec::RuleCacheSpec;

/// How long the verdict of a rule may be remembered; `None` for not at all.
///
/// An error never is. With `followCacheControl` a usable directive of the backend replaces the
/// rule's own lifetime, longer or shorter. No lifetime exceeds any of `ceilings`.
pub fn lifetime(
    spec: &RuleCacheSpec,
    outcome: Outcome,
    cache_control: Option<&str>,
    ceilings: &[Duration],
) -> Option<Duration> {
    let own = match outcome {
        Outcome::Pass => spec.ttl.pass,
        Outcome::Fail => spec.ttl.fail,
        Outcome::Error => return None,
    };
    let own = own.map_or(Duration::ZERO, DurationSpec::get);
    let header = cache_control.filter(|_| spec.follow_cache_control);
    let wanted = match header.map_or(Directive::Silent, read) {
        Directive::Silent => own,
        Directive::Refuses => return None,
        Directive::Keep(lifetime) => lifetime,
    };
    ceiled(wanted, ceilings)
}

/// `wanted`, shortened to the lowest of `ceilings`; `None` when nothing is left.
pub fn ceiled(wanted: Duration, ceilings: &[Duration]) -> Option<Duration> {
    let shortest = ceilings.iter().copied().fold(wanted, Duration::min);
    (!shortest.is_zero()).then_some(shortest)
}

/// What a `Cache-Control` field has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    /// Nothing usable.
    Silent,
    /// The reply must not be stored, or only by a private cache, which this is not.
    Refuses,
    /// The reply stays fresh this long.
    Keep(Duration),
}

/// Reads a `Cache-Control` field value (RFC 9111, section 5.2.2). `s-maxage` outranks `max-age`;
/// of several values the lowest counts (section 4.2.1 leaves the choice).
fn read(field: &str) -> Directive {
    // A refusal counts wherever it stands, even within quotes that nobody closed.
    if field.split([',', '"']).any(is_refusal) {
        return Directive::Refuses;
    }
    let (mut max_age, mut shared_max_age) = (None, None);
    for (name, argument) in directives(field) {
        if name.eq_ignore_ascii_case("s-maxage") {
            shared_max_age = lowest(shared_max_age, seconds(argument));
        } else if name.eq_ignore_ascii_case("max-age") {
            max_age = lowest(max_age, seconds(argument));
        }
    }
    match shared_max_age.or(max_age) {
        None => Directive::Silent,
        Some(Duration::ZERO) => Directive::Refuses,
        Some(lifetime) => Directive::Keep(lifetime),
    }
}

fn is_refusal(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or_default().trim();
    ["no-cache", "no-store", "private"]
        .iter()
        .any(|refusal| name.eq_ignore_ascii_case(refusal))
}

fn lowest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}

/// The directives with their arguments, quotes taken off.
fn directives(field: &str) -> impl Iterator<Item = (&str, &str)> {
    split_unquoted(field).map(|directive| {
        let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
        let argument = argument.trim();
        let unquoted = argument
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        (name.trim(), unquoted.unwrap_or(argument))
    })
}

/// Splits at commas outside quoted strings.
fn split_unquoted(field: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    field.split(move |c: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
}

/// Delta-seconds of RFC 9111, section 1.2.2: digits only, too large a number meaning for ever.
fn seconds(argument: &str) -> Option<Duration> {
    let digits = !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(argument.parse().unwrap_or(u64::MAX)))
}
