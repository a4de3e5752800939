//! What `OpenFGA` adds to CEL, in the words of the CEL that we have.
//!
//! Addresses are canonical text here. `ipaddress(x)` becomes text, and `x.in_cidr(y)` asks the
//! network for the address.

use crate::condition::parameter;

/// Brackets inside each other at the most.
const MAX_NESTING: usize = 160;

/// A part of an expression, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// A name, keyword or number.
    Word(String),
    /// Text in quotes.
    Text(String),
    Space(String),
    Symbol(char),
    /// Something in brackets.
    Group(char, Vec<Piece>),
}

/// Translates `source`. `None` where its brackets are not closed or too deep.
pub(super) fn translate(source: &str) -> Option<String> {
    let mut characters = source.chars().peekable();
    let pieces = read(&mut characters, None, 0)?;
    let mut text = String::new();
    write(&rewrite(pieces), &mut text);
    Some(text)
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn read(characters: &mut Characters<'_>, close: Option<char>, depth: usize) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    while let Some(next) = characters.next() {
        let piece = match next {
            _ if close == Some(next) => return Some(pieces),
            '(' | '[' | '{' if depth < MAX_NESTING => {
                Piece::Group(next, read(characters, Some(closing(next)), depth + 1)?)
            }
            '(' | '[' | '{' | ')' | ']' | '}' => return None,
            '"' | '\'' => Piece::Text(quoted(characters, next, is_raw(&pieces))),
            '/' if characters.peek() == Some(&'/') => {
                while characters.peek().is_some_and(|c| *c != '\n') {
                    characters.next();
                }
                continue;
            }
            _ if next.is_whitespace() => Piece::Space(run(characters, next, char::is_whitespace)),
            _ if is_word(next) => Piece::Word(run(characters, next, is_word)),
            _ => Piece::Symbol(next),
        };
        pieces.push(piece);
    }
    close.is_none().then_some(pieces)
}

fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn run(characters: &mut Characters<'_>, first: char, test: fn(char) -> bool) -> String {
    let mut text = String::from(first);
    while let Some(next) = characters.next_if(|c| test(*c)) {
        text.push(next);
    }
    text
}

/// Whether a prefix before the quote switches escapes off.
fn is_raw(pieces: &[Piece]) -> bool {
    matches!(pieces.last(), Some(Piece::Word(word)) if word.eq_ignore_ascii_case("r")
        || word.eq_ignore_ascii_case("br") || word.eq_ignore_ascii_case("rb"))
}

/// Text with its quotes; three quotes open a text of several lines.
fn quoted(characters: &mut Characters<'_>, quote: char, raw: bool) -> String {
    let mut text = String::from(quote);
    let mut quotes = 1;
    while let Some(next) = characters.next() {
        text.push(next);
        if next == '\\' && !raw {
            text.extend(characters.next());
            quotes = 0;
            continue;
        }
        quotes = if next == quote { quotes + 1 } else { 0 };
        let opening: String = text.chars().take(3).collect();
        let is_long = opening.chars().count() == 3 && opening.chars().all(|c| c == quote);
        let is_closed = match text.chars().count() {
            2 => next == quote && characters.peek() != Some(&quote),
            length if is_long => length >= 6 && quotes >= 3,
            _ => next == quote && !is_opening(&text, quote),
        };
        if is_closed {
            break;
        }
    }
    text
}

fn is_opening(text: &str, quote: char) -> bool {
    text.chars().count() <= 3 && text.chars().all(|c| c == quote)
}

/// Replaces what `OpenFGA` adds, innermost first.
fn rewrite(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut done: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let Piece::Group(open, inner) = piece else {
            done.push(piece);
            continue;
        };
        let group = Piece::Group(open, rewrite(inner));
        match done.as_slice() {
            [.., Piece::Symbol('.'), Piece::Word(word)] if open == '(' && word == "in_cidr" => {
                in_cidr(&mut done, group);
            }
            [.., Piece::Symbol('.'), Piece::Word(_)] => done.push(group),
            [.., Piece::Word(word)] if open == '(' && word == "ipaddress" => {
                done.pop();
                done.push(ipaddress(group));
            }
            _ => done.push(group),
        }
    }
    done
}

/// `x.in_cidr(y)` asks whether the network `y` has the address `x`.
fn in_cidr(done: &mut Vec<Piece>, network: Piece) {
    done.truncate(done.len().saturating_sub(2));
    let address = done.split_off(receiver(done));
    let asked = [
        Piece::Word("cidr".into()),
        network,
        Piece::Symbol('.'),
        Piece::Word("containsIP".into()),
        Piece::Group('(', address),
    ];
    done.push(Piece::Group('(', asked.into()));
}

/// Where the value begins that a method right behind `pieces` would be called on.
fn receiver(pieces: &[Piece]) -> usize {
    let mut start = pieces.len();
    while let Some(at) = start.checked_sub(1) {
        let before = at.checked_sub(1).and_then(|before| pieces.get(before));
        start = at;
        match (pieces.get(at), before) {
            // Arguments of a call, an index, or another one behind it.
            (Some(Piece::Group('(' | '[', _)), Some(Piece::Word(_) | Piece::Group(..))) => {}
            (_, Some(Piece::Symbol('.'))) => start = at.saturating_sub(1),
            _ => break,
        }
    }
    start
}

/// `ipaddress(x)` is the canonical text of the address.
fn ipaddress(argument: Piece) -> Piece {
    if let Piece::Group(_, inner) = &argument
        && let [Piece::Text(text)] = inner.as_slice()
        && let Some(address) = parameter::address(text.trim_matches(['"', '\'']))
    {
        return Piece::Text(format!("\"{address}\""));
    }
    let address = vec![Piece::Word("ip".into()), argument];
    Piece::Group(
        '(',
        vec![Piece::Word("string".into()), Piece::Group('(', address)],
    )
}

fn write(pieces: &[Piece], text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Word(part) | Piece::Text(part) | Piece::Space(part) => text.push_str(part),
            Piece::Symbol(symbol) => text.push(*symbol),
            Piece::Group(open, inner) => {
                text.push(*open);
                write(inner, text);
                text.push(closing(*open));
            }
        }
    }
}
