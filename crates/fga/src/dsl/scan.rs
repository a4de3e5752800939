//! A cursor over the characters of a text without its comments.

use crate::dsl::finding::{Finding, FindingKind};
use crate::dsl::syntax::{Place, Word};

/// Words that cannot be names.
const KEYWORDS: [&str; 7] = [
    "define",
    "relations",
    "condition",
    "or",
    "and",
    "from",
    "with",
];

/// Where reading has come to.
pub(super) struct Scanner {
    text: Vec<char>,
    at: usize,
    /// The first character of each line.
    lines: Vec<usize>,
}

impl Scanner {
    pub(super) fn new(text: &str) -> Self {
        let text: Vec<char> = without_comments(text).chars().collect();
        let ends = text.iter().enumerate().filter(|(_, c)| **c == '\n');
        let lines = std::iter::once(0)
            .chain(ends.map(|(at, _)| at + 1))
            .collect();
        Self { text, at: 0, lines }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn mark(&self) -> usize {
        self.at
    }

    pub(super) fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    /// Takes the next character if it is `wanted`.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes the next character, whatever it is.
    pub(super) fn take_any(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// Takes spaces; whether there were any.
    pub(super) fn spaces(&mut self) -> bool {
        self.skip(is_space)
    }

    /// Takes spaces and ends of lines; whether there was an end of a line.
    pub(super) fn lines(&mut self) -> bool {
        let from = self.at;
        self.skip(|c| is_space(c) || is_newline(c));
        self.text
            .get(from..self.at)
            .is_some_and(|taken| taken.contains(&'\n'))
    }

    /// Takes the rest of the line.
    pub(super) fn rest_of_line(&mut self) {
        self.skip(|c| c != '\n');
    }

    pub(super) fn is_line_end(&self) -> bool {
        self.peek().is_none_or(is_newline)
    }

    /// The word that comes next.
    pub(super) fn peek_word(&self) -> Option<Word> {
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().take_while(|c| is_word(**c)).count();
        let text: String = rest.get(..length)?.iter().collect();
        let at = self.place(self.at, self.at + length);
        (length > 0).then_some(Word { text, at })
    }

    /// Takes the next word if it is `wanted`.
    pub(super) fn take_word(&mut self, wanted: &str) -> bool {
        let is_next = self.peek_word().is_some_and(|word| word.text == wanted);
        if is_next {
            self.at += wanted.chars().count();
        }
        is_next
    }

    /// Takes `but not`.
    pub(super) fn take_but_not(&mut self) -> bool {
        let mark = self.at;
        let taken = self.take_word("but") && self.spaces() && self.take_word("not");
        if !taken {
            self.at = mark;
        }
        taken
    }

    /// Takes a name.
    pub(super) fn name(&mut self, what: &str) -> Result<Word, Finding> {
        let expected = || format!("expected {what}");
        let mark = self.at;
        if self.take_but_not() {
            let end = self.at;
            self.at = mark;
            let place = self.place(mark, end);
            return Err(place.finding(FindingKind::Syntax, expected()));
        }
        match self.peek_word() {
            Some(word) if !KEYWORDS.contains(&word.text.as_str()) => {
                self.at += word.text.chars().count();
                Ok(word)
            }
            _ => Err(self.unexpected(&expected())),
        }
    }

    /// Takes `wanted`, or tells that something else stands here.
    pub(super) fn expect(&mut self, wanted: char) -> Result<(), Finding> {
        if self.take(wanted) {
            return Ok(());
        }
        Err(self.unexpected(&format!("expected `{wanted}`")))
    }

    /// A finding about what stands here.
    pub(super) fn unexpected(&self, message: &str) -> Finding {
        let same = |test: fn(char) -> bool| {
            let rest = self.text.get(self.at..).unwrap_or_default();
            rest.iter().take_while(|c| test(**c)).count()
        };
        let length = match self.peek() {
            None => 0,
            Some(c) if is_space(c) => same(is_space),
            Some(c) if is_newline(c) => same(is_newline),
            Some(c) if is_word(c) => same(is_word),
            Some(_) => 1,
        };
        let mut scanner_end = self.at + length;
        if self.peek_word().is_some_and(|word| word.text == "but") {
            scanner_end = self.end_of_but_not().unwrap_or(scanner_end);
        }
        self.place(self.at, scanner_end)
            .finding(FindingKind::Syntax, message)
    }

    /// Text from a mark to here.
    pub(super) fn since(&self, mark: usize) -> String {
        self.text
            .get(mark..self.at)
            .unwrap_or_default()
            .iter()
            .collect()
    }

    pub(super) fn place(&self, from: usize, to: usize) -> Place {
        let line = self
            .lines
            .partition_point(|start| *start <= from)
            .saturating_sub(1);
        let start = from - self.lines.get(line).copied().unwrap_or_default();
        Place {
            line,
            start,
            end: start + (to - from),
        }
    }

    fn end_of_but_not(&self) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        let words: String = rest.iter().take(7).collect();
        (words == "but not").then_some(self.at + 7)
    }

    fn skip(&mut self, test: impl Fn(char) -> bool) -> bool {
        let from = self.at;
        while self.peek().is_some_and(&test) {
            self.at += 1;
        }
        self.at > from
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.')
}

/// A line that begins with `#` is a comment, and so is what follows a space and a `#`.
fn without_comments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            clean.push('\n');
        }
        if !line.trim_start().starts_with('#') {
            let code = line.split_once(" #").map_or(line, |(code, _)| code);
            clean.push_str(code.trim_end());
        }
    }
    clean
}
