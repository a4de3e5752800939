//! The notation of steps: `{ignore} ..40 [previous|prior*] [instruction*]`.

use std::collections::BTreeMap;

use thiserror::Error;

use super::stream::squeeze;
use crate::normalize::Normalized;

/// Most steps of one rule.
const MOST_STEPS: usize = 8;
/// Longest gap, in bytes.
const LONGEST_GAP: u32 = 4096;
/// Longest word or phrase, in bytes as read.
const LONGEST_WORD: usize = 64;

/// Sets of words by name.
pub(super) type Sets = BTreeMap<String, Vec<String>>;

/// Why the steps of a rule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotationError {
    /// A set that nobody defined.
    #[error("there is no set `{0}` of words")]
    UnknownSet(String),
    /// A bracket that is not closed.
    #[error("`{0}` is not closed")]
    Unclosed(char),
    /// Something that is no element and no gap.
    #[error("`{0}` is neither `{{set}}`, `[word|word]` nor a gap such as `..40`")]
    Unknown(String),
    /// A gap at the beginning or at the end, or two of them.
    #[error("a gap stands between two elements")]
    LooseGap,
    /// A gap without a number, or a big one.
    #[error("a gap is a number of bytes up to {LONGEST_GAP}")]
    Gap,
    /// A word of which nothing is left when folded, or a long one.
    #[error("`{0}` is not between 1 and {LONGEST_WORD} bytes long")]
    Word(String),
    /// No step, or too many.
    #[error("a rule has 1 to {MOST_STEPS} steps")]
    Steps,
}

/// One step: any of its words, at the right distance from the step before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) gap: Gap,
    pub(super) words: Vec<Word>,
}

/// What may stand between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing with a letter or a digit.
    Next,
    /// That many bytes of one sentence.
    Within(u32),
    /// That many bytes.
    Across(u32),
}

/// A word or phrase as the automaton reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether it may be the end of a longer word, as written `*word`.
    pub(super) open_start: bool,
    /// Whether it may be the beginning of a longer word, as written `word*`.
    pub(super) open_end: bool,
    /// Whether it stands at the beginning of a line, as written `^word`.
    pub(super) begins_line: bool,
}

/// Reads the steps of a rule.
pub(super) fn parse(notation: &str, sets: &Sets) -> Result<Vec<Step>, NotationError> {
    if notation.trim_start().starts_with("..") {
        return Err(NotationError::LooseGap);
    }
    let steps = parse_vetoes(notation, sets)?;
    if steps.is_empty() {
        return Err(NotationError::Steps);
    }
    Ok(steps)
}

/// Reads what takes a hit back: elements, each behind its reach.
pub(super) fn parse_vetoes(notation: &str, sets: &Sets) -> Result<Vec<Step>, NotationError> {
    let mut steps = Vec::new();
    let mut gap = None;
    let mut rest = notation.trim_start();
    while !rest.is_empty() {
        let (token, after) = token(rest)?;
        rest = after.trim_start();
        match token {
            Token::Gap(_) if gap.is_some() => return Err(NotationError::LooseGap),
            Token::Gap(read) => gap = Some(read),
            Token::Set(name) => {
                let words = sets
                    .get(name)
                    .ok_or_else(|| NotationError::UnknownSet(name.into()))?;
                let words = words.iter().map(|written| word(written));
                steps.push(step(gap.take(), words)?);
            }
            Token::List(list) => steps.push(step(gap.take(), list.split('|').map(word))?),
        }
    }
    if gap.is_some() {
        return Err(NotationError::LooseGap);
    }
    if steps.len() > MOST_STEPS {
        return Err(NotationError::Steps);
    }
    Ok(steps)
}

enum Token<'a> {
    Set(&'a str),
    List(&'a str),
    Gap(Gap),
}

/// The first token of `text`, and what follows it.
fn token(text: &str) -> Result<(Token<'_>, &str), NotationError> {
    if let Some(inner) = text.strip_prefix('{') {
        let (name, rest) = inner.split_once('}').ok_or(NotationError::Unclosed('{'))?;
        return Ok((Token::Set(name), rest));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let (list, rest) = inner.split_once(']').ok_or(NotationError::Unclosed('['))?;
        return Ok((Token::List(list), rest));
    }
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let gap = if let Some(length) = first.strip_prefix("...") {
        Gap::Across(length_of(length)?)
    } else if let Some(length) = first.strip_prefix("..") {
        Gap::Within(length_of(length)?)
    } else {
        return Err(NotationError::Unknown(first.into()));
    };
    Ok((Token::Gap(gap), rest))
}

fn length_of(gap: &str) -> Result<u32, NotationError> {
    let length = gap.parse().map_err(|_| NotationError::Gap)?;
    if length > LONGEST_GAP {
        return Err(NotationError::Gap);
    }
    Ok(length)
}

fn step(
    gap: Option<Gap>,
    words: impl Iterator<Item = Result<Word, NotationError>>,
) -> Result<Step, NotationError> {
    let mut words = words.collect::<Result<Vec<_>, _>>()?;
    words.sort();
    words.dedup();
    Ok(Step {
        gap: gap.unwrap_or(Gap::Next),
        words,
    })
}

fn word(written: &str) -> Result<Word, NotationError> {
    let text = written.trim();
    let (begins_line, text) = strip(text, text.strip_prefix('^'));
    let (open_start, text) = strip(text, text.strip_prefix('*'));
    let (open_end, text) = strip(text, text.strip_suffix('*'));
    let text = squeeze(Normalized::of(text).text());
    if !(1..=LONGEST_WORD).contains(&text.len()) {
        return Err(NotationError::Word(written.into()));
    }
    Ok(Word {
        text,
        open_start,
        open_end,
        begins_line,
    })
}

fn strip<'a>(whole: &'a str, stripped: Option<&'a str>) -> (bool, &'a str) {
    stripped.map_or((false, whole), |rest| (true, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(notation: &str) -> Result<Vec<Step>, NotationError> {
        let sets = Sets::from([(
            "greeting".into(),
            vec!["Good  morning".into(), "hell*".into()],
        )]);
        parse(notation, &sets)
    }

    #[test]
    fn steps_have_gaps_and_words_have_edges() {
        let steps = read("{greeting} ..12 [^Wörld|*ish] ...30 [a-b]").unwrap();
        let gaps: Vec<_> = steps.iter().map(|step| step.gap).collect();
        assert_eq!(gaps, [Gap::Next, Gap::Within(12), Gap::Across(30)]);
        let words: Vec<_> = steps.iter().flat_map(|step| &step.words).collect();
        let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["good morning", "hell", "ish", "world", "a b"]);
        assert!(words[1].open_end && words[2].open_start && words[3].begins_line);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (notation, error) in [
            ("", NotationError::Steps),
            ("..4 {greeting}", NotationError::LooseGap),
            ("{greeting} ..4", NotationError::LooseGap),
            ("{greeting} ..4 ..5 {greeting}", NotationError::LooseGap),
            ("{greeting} ..x {greeting}", NotationError::Gap),
            ("{greeting} ..5000 {greeting}", NotationError::Gap),
            ("{greeting", NotationError::Unclosed('{')),
            ("[a", NotationError::Unclosed('[')),
            ("{farewell}", NotationError::UnknownSet("farewell".into())),
            ("hello", NotationError::Unknown("hello".into())),
            ("[*-]", NotationError::Word("*-".into())),
            ("[ab|]", NotationError::Word(String::new())),
        ] {
            assert_eq!(read(notation), Err(error), "{notation}");
        }
    }
}
