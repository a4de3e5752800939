//! Links and images in Markdown and HTML that lead to hosts that are not listed.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::filter::bytes::{ByteSet, Cursor};
use crate::filter::candidate::{Candidate, Finder, Found, LONG, Window};
use crate::filter::latch::Latch;

/// What stands before the address of a link.
const OPENINGS: [&str; 14] = [
    "](",
    "]:",
    "src=",
    "href=",
    "srcset=",
    "action=",
    "poster=",
    "background=",
    "data=",
    "cite=",
    "ping=",
    "url(",
    "@import",
    "<http",
];
const LONGEST_OPENING: usize = 11;
/// What ends an address.
const ENDS: ByteSet = ByteSet::empty().range(0, 0x20).all(b")>\"'`<");
/// What may stand between the opening and the address.
const SPACES: ByteSet = ByteSet::empty().all(b" \t\r\n<\"'`");
const MOST_SPACES: usize = 16;
/// Schemes that lead to no host.
const HARMLESS: [&[u8]; 4] = [b"mailto", b"tel", b"sms", b"cid"];
const LONGEST_HOST: usize = 320;

/// Hosts that links may lead to.
#[derive(Debug)]
pub(super) struct Hosts {
    exact: Vec<Box<[u8]>>,
    /// Ends with the dot before them: `.example.com`.
    below: Vec<Box<[u8]>>,
}

impl Hosts {
    /// Compiles a list of names, which stands at `at`.
    pub(super) fn compile(
        names: &[String],
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let mut hosts = Self {
            exact: Vec::new(),
            below: Vec::new(),
        };
        for (index, name) in names.iter().enumerate() {
            let lower = name.to_ascii_lowercase();
            let (list, host) = match lower.strip_prefix("*.") {
                Some(host) => (&mut hosts.below, host),
                None => (&mut hosts.exact, lower.as_str()),
            };
            let sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
            if host.is_empty() || !host.bytes().all(sign) || host.starts_with('.') {
                let message = format!("`{name}` is not the name of a host");
                let hint = "write `docs.example.com` or `*.example.com`, without scheme or port";
                let at = at.key("hosts").index(index);
                findings.push(Diagnostic::error(Code::InvalidValue, &at, message).hint(hint));
                continue;
            }
            let dot = if lower.starts_with('*') { "." } else { "" };
            list.push(format!("{dot}{host}").into_bytes().into());
        }
        (findings.errors() == before).then_some(hosts)
    }

    fn has(&self, host: &[u8]) -> bool {
        let host = host.to_ascii_lowercase();
        self.exact.iter().any(|known| **known == *host)
            || self
                .below
                .iter()
                .any(|end| host.ends_with(end) && host.len() > end.len())
    }
}

/// Finds links to other hosts; the address is hidden, the text of the link is not.
#[derive(Debug)]
pub(super) struct Links {
    rule: usize,
    hosts: Hosts,
    openings: Option<AhoCorasick>,
}

impl Links {
    /// Of links to other hosts than `hosts`.
    pub(super) fn new(rule: usize, hosts: Hosts) -> Self {
        let openings = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(OPENINGS);
        Self {
            rule,
            hosts,
            openings: openings.ok(),
        }
    }

    fn read(&self, window: &Window<'_>, anchor: usize, opening: usize, found: &mut Found) {
        let mut cursor = Cursor::new(window.bytes, opening);
        cursor.run(SPACES, MOST_SPACES);
        let start = cursor.at();
        let leads = self.leads_away(&mut cursor);
        if cursor.starved() && !window.complete {
            return found.hold(anchor);
        }
        if !leads {
            return;
        }
        let rest = window.bytes.get(start..).unwrap_or_default();
        let run = ENDS.inverted().run(rest);
        let ended = run < rest.len() || window.complete;
        if !ended && run <= LONG {
            return found.hold(anchor);
        }
        found.push(Candidate {
            anchor,
            span: start..start + run,
            secret: start..start + run,
            rule: self.rule,
            latch: (!ended).then_some(Latch::Run(ENDS.inverted())),
        });
    }

    /// Whether the address that begins here has a host that is not listed, or what a browser may take
    /// for one.
    fn leads_away(&self, cursor: &mut Cursor<'_>) -> bool {
        let from = cursor.at();
        let scheme = ByteSet::alphanumeric().all(b"+.-");
        let length = cursor.run(scheme, 24);
        let slashes = ByteSet::empty().all(b"/\\");
        if length > 0 && cursor.eat(b':') {
            let text = cursor.text().get(from..from + length).unwrap_or_default();
            if HARMLESS
                .iter()
                .any(|known| text.eq_ignore_ascii_case(known))
            {
                return false;
            }
            cursor.run(slashes, 8);
        } else {
            cursor.go(from);
            if cursor.run(slashes, 8) < 2 {
                // `/\host` leads away as well as `//host`; one slash leads nowhere else.
                return false;
            }
        }
        !self.is_listed(cursor)
    }

    fn is_listed(&self, cursor: &mut Cursor<'_>) -> bool {
        let from = cursor.at();
        let name = ByteSet::alphanumeric().all(b"-.");
        cursor.run(name, LONGEST_HOST);
        let host = cursor.text().get(from..cursor.at()).unwrap_or_default();
        // A port or a path may follow; a login, an escape or anything else makes another host of it.
        let ends = cursor
            .peek()
            .is_none_or(|byte| ENDS.has(byte) || b"/?#".contains(&byte));
        let port = cursor.eat(b':') && {
            cursor.run(ByteSet::empty().range(b'0', b'9'), 6);
            cursor
                .peek()
                .is_none_or(|byte| ENDS.has(byte) || b"/?#".contains(&byte))
        };
        (ends || port) && self.hosts.has(host)
    }
}

impl Finder for Links {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let Some(openings) = &self.openings else {
            return;
        };
        let bytes = window.bytes.get(window.from..).unwrap_or_default();
        for hit in openings.find_overlapping_iter(bytes) {
            let anchor = window.from + hit.start();
            let opening = match OPENINGS.get(hit.pattern().as_usize()) {
                Some(&"<http") => anchor + 1,
                _ => window.from + hit.end(),
            };
            self.read(window, anchor, opening, found);
        }
        if !window.complete {
            hold_tail(window, found);
        }
    }
}

/// Holds what may be the beginning of an opening at the end.
fn hold_tail(window: &Window<'_>, found: &mut Found) {
    let length = window.bytes.len();
    for at in length.saturating_sub(LONGEST_OPENING)..length {
        let tail = window.bytes.get(at..).unwrap_or_default();
        let begins = |opening: &str| {
            let head = opening.as_bytes().get(..tail.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(tail))
        };
        if OPENINGS.into_iter().any(begins) {
            return found.hold(at);
        }
    }
}
