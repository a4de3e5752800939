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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::TtlSpec;

    fn spec(follow: bool) -> RuleCacheSpec {
        let seconds = |seconds| Some(DurationSpec::new(Duration::from_secs(seconds)));
        RuleCacheSpec {
            ttl: TtlSpec {
                pass: seconds(20),
                fail: seconds(10),
                error: seconds(99),
            },
            follow_cache_control: follow,
            ..RuleCacheSpec::default()
        }
    }

    fn check(follow: bool, outcome: Outcome, header: Option<&str>, expected: Option<u64>) {
        let ceilings = [Duration::from_mins(1), Duration::from_mins(5)];
        let kept = lifetime(&spec(follow), outcome, header, &ceilings);
        assert_eq!(kept.map(|kept| kept.as_secs()), expected, "{header:?}");
    }

    #[test]
    fn each_outcome_has_its_own_lifetime() {
        check(false, Outcome::Pass, None, Some(20));
        check(false, Outcome::Fail, None, Some(10));
    }

    #[test]
    fn defect_03_10_an_error_is_never_remembered() {
        check(false, Outcome::Error, None, None);
        check(true, Outcome::Error, Some("max-age=60"), None);
    }

    #[test]
    fn the_backend_is_heard_only_when_asked_for() {
        check(false, Outcome::Pass, Some("no-store"), Some(20));
        check(true, Outcome::Pass, None, Some(20));
    }

    #[test]
    fn directives_of_the_backend_replace_the_own_lifetime() {
        let check = |header: &str, expected| check(true, Outcome::Pass, Some(header), expected);
        check("max-age=5", Some(5));
        check("max-age=40", Some(40));
        check("MAX-AGE=5", Some(5));
        check("max-age=\"5\"", Some(5));
        check("public, max-age=5", Some(5));
        check("max-age=5, s-maxage=7", Some(7));
        check("s-maxage=0, max-age=5", None);
        check("max-age=0", None);
        check("max-age=9, max-age=5", Some(5));
        for refusal in ["no-cache", "No-Store", "private", "private=\"x-user\""] {
            check(refusal, None);
            check(&format!("max-age=60 , {refusal}"), None);
        }
    }

    #[test]
    fn garbage_is_ignored() {
        let check = |header: &str, expected| check(true, Outcome::Pass, Some(header), expected);
        check("", Some(20));
        check("max-age", Some(20));
        check("max-age=-1", Some(20));
        check("max-age=abc", Some(20));
        check("max-age=1.5", Some(20));
        check("must-revalidate", Some(20));
        check("ext=\"a, max-age=5\"", Some(20));
        check("ext=\"a\\\", max-age=5\"", Some(20));
        // A refusal is honoured even where it should not stand.
        check("max-age=60, ext=\"unclosed, no-store", None);
        check(",,,=,\"", Some(20));
    }

    #[test]
    fn no_lifetime_exceeds_a_ceiling() {
        check(true, Outcome::Pass, Some("max-age=61"), Some(60));
        let endless = Some("max-age=99999999999999999999999");
        check(true, Outcome::Pass, endless, Some(60));
        assert_eq!(ceiled(Duration::from_secs(9), &[Duration::ZERO]), None);
        assert_eq!(ceiled(Duration::ZERO, &[Duration::from_secs(9)]), None);
    }

    #[test]
    fn without_a_lifetime_nothing_is_remembered() {
        let unset = RuleCacheSpec::default();
        assert_eq!(lifetime(&unset, Outcome::Pass, None, &[]), None);
        let following = RuleCacheSpec {
            follow_cache_control: true,
            ..unset
        };
        let heard = lifetime(&following, Outcome::Pass, Some("max-age=5"), &[]);
        assert_eq!(heard, Some(Duration::from_secs(5)));
    }
}
