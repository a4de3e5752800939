//! Where one message ends and the next begins: conversations that two parsers could read
//! differently, through every door.

use ztag_test_support::door::{Door, doors};
use ztag_test_support::{Failure, Response};

use crate::case::policy;
use crate::report;

/// The path of a request inside of what is the body of another, or nothing at all.
const HIDDEN: &str = "/smuggled";
/// The path of a last request on the same connection.
const LAST: &str = "/last";

/// How a body is announced, and what follows.
struct Framing {
    /// Header lines.
    lines: &'static str,
    /// What follows the head; `{hidden}` is a whole request.
    body: &'static str,
    /// What must come of it.
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is answered 400, and the connection ends.
    Refused,
    /// Either that, or one request with a body of this many bytes, the last of its connection.
    Last(usize),
    /// Either that, or a request whose body nobody sees the end of.
    Broken,
    /// It is one request with a body of this many bytes.
    Whole(usize),
}

const fn framing(lines: &'static str, body: &'static str, outcome: Outcome) -> Framing {
    Framing {
        lines,
        body,
        outcome,
    }
}

/// Lengths and codings that contradict each other or themselves (RFC 9112 sections 6.1 to 6.3).
const CONFLICTS: &[Framing] = &[
    framing(
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n{hidden}",
        Outcome::Last(0),
    ),
    framing(
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "1\r\na\r\n0\r\n\r\n{hidden}",
        Outcome::Last(1),
    ),
    framing(
        "Content-Length: 0\r\nContent-Length: 4\r\n",
        "{hidden}",
        Outcome::Refused,
    ),
    framing("Content-Length: 0, 4\r\n", "{hidden}", Outcome::Refused),
    framing("Content-Length: +0\r\n", "{hidden}", Outcome::Refused),
    framing("Content-Length: -1\r\n", "{hidden}", Outcome::Refused),
    framing("Content-Length: 0x0\r\n", "{hidden}", Outcome::Refused),
    framing("Content-Length: 0 0\r\n", "{hidden}", Outcome::Refused),
    framing(
        "Content-Length: 18446744073709551616\r\n",
        "{hidden}",
        Outcome::Refused,
    ),
    framing(
        "Transfer-Encoding: xchunked\r\n",
        "{hidden}",
        Outcome::Refused,
    ),
    framing(
        "Transfer-Encoding: identity\r\n",
        "{hidden}",
        Outcome::Refused,
    ),
    framing(
        "Transfer-Encoding: chunked, identity\r\n",
        "0\r\n\r\n{hidden}",
        Outcome::Refused,
    ),
    framing(
        "Content-Length: 0\r\nTransfer-Encoding: \x0bchunked\r\n",
        "{hidden}",
        Outcome::Refused,
    ),
];

/// Heads that are spelt in ways that parsers treat differently (RFC 9112 sections 2.2 and 5).
const SPELLINGS: &[Framing] = &[
    framing(
        "Transfer-Encoding : chunked\r\n",
        "0\r\n\r\n{hidden}",
        Outcome::Refused,
    ),
    framing(
        "X-Folded: a\r\n Transfer-Encoding: chunked\r\n",
        "{hidden}",
        Outcome::Refused,
    ),
    framing("X-Nul: a\0b\r\n", "{hidden}", Outcome::Refused),
    framing(
        "X-Return: a\rContent-Length: 10\r\n",
        "{hidden}",
        Outcome::Refused,
    ),
    framing("Nameless\r\n", "{hidden}", Outcome::Refused),
    framing(": nameless\r\n", "{hidden}", Outcome::Refused),
    framing("X Spaced: a\r\n", "{hidden}", Outcome::Refused),
];

/// Chunks that lie (RFC 9112 section 7.1).
const CHUNKS: &[Framing] = &[
    framing(
        "Transfer-Encoding: chunked\r\n",
        "ffffffffffffffffff\r\n{hidden}",
        Outcome::Broken,
    ),
    framing(
        "Transfer-Encoding: chunked\r\n",
        "-1\r\n{hidden}",
        Outcome::Broken,
    ),
    framing(
        "Transfer-Encoding: chunked\r\n",
        "1\r\nab\r\n0\r\n\r\n{hidden}",
        Outcome::Broken,
    ),
    framing(
        "Transfer-Encoding: chunked\r\n",
        "0x0\r\n\r\n{hidden}",
        Outcome::Broken,
    ),
];

/// What is well framed stays what it is.
const HONEST: &[Framing] = &[
    framing("Content-Length: 5\r\n", "hello", Outcome::Whole(5)),
    framing(
        "Transfer-Encoding: chunked\r\n",
        "3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\n\r\n",
        Outcome::Whole(5),
    ),
    framing("Content-Length: 0\r\n", "", Outcome::Whole(0)),
];

#[test]
fn attack_22_contradicting_lengths_pass_no_door() -> Result<(), Failure> {
    check(CONFLICTS)
}

#[test]
fn attack_22_odd_spellings_of_heads_pass_no_door() -> Result<(), Failure> {
    check(SPELLINGS)
}

#[test]
fn attack_22_chunks_that_lie_hide_nothing() -> Result<(), Failure> {
    check(CHUNKS)
}

#[test]
fn bodies_that_are_well_framed_arrive_whole() -> Result<(), Failure> {
    check(HONEST)
}

#[test]
fn attack_22_http_1_0_knows_no_chunks_and_no_body_without_length() -> Result<(), Failure> {
    for door in doors(&policy()?)? {
        for lines in [
            "Transfer-Encoding: chunked\r\n",
            "Connection: keep-alive\r\n",
            "",
        ] {
            let head = door.head("POST", "/orders/7", "t-alice");
            let head = head.replacen("HTTP/1.1", "HTTP/1.0", 1);
            let hidden = hidden(&*door);
            let talk = format!("{head}{lines}\r\n0\r\n\r\n{hidden}");
            let said = converse(&*door, talk.as_bytes())?;
            nothing_was_hidden(&*door, lines, &said)?;
        }
    }
    Ok(())
}

/// The body of a request that is turned away early stands before the next request, not in its place.
#[test]
fn attack_23_a_body_that_nobody_wants_is_no_request() -> Result<(), Failure> {
    for door in doors(&policy()?)? {
        for token in ["t-alice", "t-nobody"] {
            let hidden = hidden(&*door);
            let head = door.head("POST", "/admin", token);
            let chunked = format!(
                "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
                hidden.len()
            );
            let counted = format!("{head}Content-Length: {}\r\n\r\n{hidden}", hidden.len());
            for talk in [chunked, counted] {
                let said = converse(&*door, talk.as_bytes())?;
                nothing_was_hidden(&*door, token, &said)?;
                let statuses: Vec<u16> = said.iter().map(|reply| reply.status).collect();
                assert_eq!(
                    statuses.first(),
                    Some(&403),
                    "{}: {statuses:?}",
                    door.name()
                );
                let rest = statuses.get(1..).unwrap_or_default();
                assert!(matches!(rest, [] | [200]), "{}: {statuses:?}", door.name());
            }
        }
    }
    Ok(())
}

/// Bytes behind a request to switch protocols are nobody's before the switch is agreed on.
#[test]
fn attack_21_nothing_rides_behind_an_upgrade() -> Result<(), Failure> {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let odd = "Connection: Upgrade\r\nUpgrade: smuggle/1\r\n";
    let cleartext =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n";
    for door in doors(&policy()?)? {
        for (lines, target, token) in [
            (upgrade, "/admin", "t-alice"),
            (upgrade, "/orders/7", "t-nobody"),
            (odd, "/orders/7", "t-alice"),
            (cleartext, "/orders/7", "t-alice"),
        ] {
            let hidden = hidden(&*door).replace("t-alice", "t-root");
            let talk = format!("{}{lines}\r\n{hidden}", door.head("GET", target, token));
            let mut connection = door.open()?;
            connection.write(talk.as_bytes())?;
            let first = connection.reply("GET")?;
            assert_ne!(first.status, 101, "{} {lines:?}", door.name());
            // What follows is a request like others, judged like others, or nothing.
            connection.finish()?;
            connection.rest()?;
            for request in door.arrived().unwrap_or_default() {
                let value = request.headers.value("x-user");
                let user = value.as_deref();
                let own = if request.target == HIDDEN {
                    "root"
                } else {
                    "alice"
                };
                assert_eq!(user, Some(own), "{}: {request:?}", door.name());
                assert_eq!(request.headers.value("upgrade"), None, "{}", door.name());
            }
        }
    }
    Ok(())
}

fn check(framings: &[Framing]) -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for door in doors(&policy()?)? {
        for framing in framings {
            let found = play(&*door, framing)?;
            let told = found.map(|what| {
                format!(
                    "{} {:?} {:?}: {what}",
                    door.name(),
                    framing.lines,
                    framing.body
                )
            });
            deviations.extend(told);
        }
    }
    report(&deviations)
}

fn play(door: &dyn Door, framing: &Framing) -> Result<Option<String>, Failure> {
    let forwards = door.forwards();
    let body = framing.body.replace("{hidden}", &hidden(door));
    let head = door.head("POST", "/orders/7", "t-alice");
    let said = converse(
        door,
        format!("{head}{}\r\n{body}", framing.lines).as_bytes(),
    )?;
    let statuses: Vec<u16> = said.iter().map(|reply| reply.status).collect();
    if let Some(seen) = smuggled(door) {
        return Ok(Some(format!("{seen} (statuses {statuses:?})")));
    }
    let as_expected = match framing.outcome {
        Outcome::Refused => statuses == [400],
        // Whoever does not read the body has nothing against it.
        Outcome::Last(_) | Outcome::Broken => matches!(statuses[..], [] | [200 | 400 | 502]),
        // A body that nobody reads may end the connection.
        Outcome::Whole(_) => statuses == [200, 200] || (!forwards && statuses == [200]),
    };
    if !as_expected {
        return Ok(Some(format!("statuses {statuses:?}")));
    }
    Ok(bodies(door, framing.outcome))
}

/// What is wrong with the bodies that arrived.
fn bodies(door: &dyn Door, outcome: Outcome) -> Option<String> {
    let arrived = door.arrived()?;
    let lengths: Vec<usize> = arrived.iter().map(|request| request.body.len()).collect();
    let expected = match outcome {
        Outcome::Refused | Outcome::Broken => lengths.is_empty(),
        Outcome::Last(length) => lengths.is_empty() || lengths == [length],
        // With the last request behind it.
        Outcome::Whole(length) => lengths == [length, 0],
    };
    (!expected).then(|| format!("bodies of {lengths:?} bytes arrived"))
}

/// Sends `talk` and a last request behind it; everything the door says to that.
fn converse(door: &dyn Door, talk: &[u8]) -> Result<Vec<Response>, Failure> {
    door.arrived();
    let mut connection = door.open()?;
    let last = door.head("GET", LAST, "t-alice");
    let last = format!("{last}Connection: close\r\n\r\n");
    // A door that refuses may close before all of it is written.
    let _ = connection.write(&[talk, last.as_bytes()].concat());
    Ok(connection.replies()?)
}

fn hidden(door: &dyn Door) -> String {
    door.head("GET", HIDDEN, "t-alice") + "\r\n"
}

fn nothing_was_hidden(door: &dyn Door, what: &str, said: &[Response]) -> Result<(), Failure> {
    match smuggled(door) {
        None => Ok(()),
        Some(seen) => {
            let statuses: Vec<u16> = said.iter().map(|reply| reply.status).collect();
            let name = door.name();
            Err(Failure::new(format!(
                "{name} {what:?}: {seen} ({statuses:?})"
            )))
        }
    }
}

/// Whoever took the hidden request for one.
fn smuggled(door: &dyn Door) -> Option<String> {
    let judged = door.process().log();
    let judged = judged
        .lines()
        .find(|line| line.contains("\"decision\"") && line.contains(HIDDEN));
    judged.map(|line| format!("judged the hidden request: {line}"))
}
