//! Names of places in a text: addresses, hosts, accounts, paths.

use std::ops::Range;

/// Longest name looked at, in bytes.
const LONGEST: usize = 512;

/// What a name in an argument stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaintedKind {
    /// An address of mail.
    Address,
    /// The host of a link, or a host alone.
    Host,
    /// An account: an IBAN by its shape.
    Account,
    /// A path of files.
    Path,
}

/// Shows each name in `text`, in one spelling, with its place.
pub(super) fn each(text: &str, mut show: impl FnMut(TaintedKind, &str, Range<usize>)) {
    let mut account = Account::default();
    let mut next = 0;
    for word in text.split_inclusive(is_border) {
        let at = next;
        next += word.len();
        let word = word.trim_end_matches(is_border);
        account.read(word, at, &mut show);
        let trimmed =
            word.trim_start_matches(|c| matches!(c, '.' | ':') && !word.starts_with("./"));
        let at = at + (word.len() - trimmed.len());
        let name = trimmed.trim_end_matches(['.', ':', '!', '?', '*']);
        if (3..=LONGEST).contains(&name.len())
            && let Some((kind, spelt)) = read(name)
        {
            show(kind, &spelt, at..at + name.len());
        }
    }
    account.finish(&mut show);
}

/// What stands between names in prose, JSON and markup.
fn is_border(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\''
                | '<'
                | '>'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | ','
                | ';'
                | '`'
                | '|'
                | '='
        )
}

fn read(name: &str) -> Option<(TaintedKind, String)> {
    if let Some((_, rest)) = name.split_once("://") {
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        return (!host.is_empty()).then(|| (TaintedKind::Host, spelt(host)));
    }
    let address = name.strip_prefix("mailto:").unwrap_or(name);
    if let Some((user, host)) = address.rsplit_once('@') {
        return (!user.is_empty() && is_host(host)).then(|| (TaintedKind::Address, spelt(address)));
    }
    let is_path =
        name.starts_with(['/', '~', '\\']) || name.starts_with("./") || name.starts_with("../");
    let is_drive = name
        .get(1..3)
        .is_some_and(|sign| sign == ":\\" || sign == ":/");
    if is_drive || (is_path && name.len() > 3) {
        return Some((TaintedKind::Path, name.to_owned()));
    }
    let host = name.split('/').next().unwrap_or_default();
    is_host(host).then(|| (TaintedKind::Host, spelt(host)))
}

/// Whether `host` is a domain name: labels, and a last one of letters.
fn is_host(host: &str) -> bool {
    let mut labels = host.trim_end_matches('.').rsplit('.');
    let last = labels.next().unwrap_or_default();
    let is_name = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    let mut others = labels.peekable();
    last.chars().count() >= 2
        && last.chars().all(char::is_alphabetic)
        && others.peek().is_some()
        && others.all(is_name)
}

fn spelt(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

/// An IBAN, in one piece or in groups: two letters, two digits, 11 to 30 letters and digits.
#[derive(Default)]
struct Account {
    spelt: String,
    span: Range<usize>,
}

impl Account {
    fn read(
        &mut self,
        word: &str,
        at: usize,
        show: &mut impl FnMut(TaintedKind, &str, Range<usize>),
    ) {
        let word = word.trim_end_matches(['.', ':', '!', '?']);
        let is_group = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let begins = is_group && is_head(word.as_bytes());
        let follows = is_group && word.len() <= 4 && !self.spelt.is_empty();
        if !begins && !follows {
            self.finish(show);
            return;
        }
        if begins && !follows {
            self.finish(show);
            self.span.start = at;
        }
        self.spelt
            .extend(word.chars().map(|c| c.to_ascii_uppercase()));
        self.span.end = at + word.len();
        if self.spelt.len() > 34 {
            self.finish(show);
        }
    }

    fn finish(&mut self, show: &mut impl FnMut(TaintedKind, &str, Range<usize>)) {
        if (15..=34).contains(&self.spelt.len()) {
            show(TaintedKind::Account, &self.spelt, self.span.clone());
        }
        self.spelt.clear();
    }
}

fn is_head(word: &[u8]) -> bool {
    let letters = word
        .iter()
        .take(2)
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let digits = word
        .iter()
        .skip(2)
        .take(2)
        .filter(|byte| byte.is_ascii_digit())
        .count();
    letters == 2 && digits == 2
}
