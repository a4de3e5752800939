//! The words of all rules as a tree, walked from where words may begin.
//!
//! Nearly every word of a rule begins where a word of the text does. So a text is looked at only there,
//! and at signs and letters with which a word may begin inside another one; the first bytes tell in two
//! look-ups whether any word can follow. Few places are left from which the tree is walked.

use std::collections::VecDeque;
use std::ops::Range;

use super::book::Spotted;
use super::prefix::Prefixes;
use super::stream;

/// Words by their bytes.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Box<[Node]>,
    /// By node, the byte that leads to it.
    labels: Box<[u8]>,
    /// By first byte, its node; 0 where no word begins so.
    roots: [u32; 256],
    /// By byte, what it says of the place behind it and of words that begin with it.
    bytes: [u8; 256],
    prefixes: Prefixes,
}

/// A place in the tree. Its children stand in a row, as do the words that end there.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    children: u32,
    words: u32,
    children_len: u16,
    words_len: u16,
}

/// The words of one node, found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    end: usize,
    start: usize,
    words: u32,
    words_len: u16,
}

/// What was found and not shown yet, because words may still be found that end before.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<Found>);

/// More words than the tree has room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooBig;

/// A word begins with this byte.
const BEGINS: u8 = 1;
/// A word that may stand inside a longer one begins with this byte.
const BEGINS_INSIDE: u8 = 2;
/// A longer word goes on behind this byte.
const INSIDE: u8 = 4;
/// Behind this byte everything is as it was before it.
const KEEPS: u8 = 8;

impl Trie {
    /// Of `words`, which are in the order of their bytes.
    pub(super) fn of(words: &[Spotted]) -> Result<Self, TooBig> {
        let (nodes, labels) = grow(words)?;
        let mut roots = [0; 256];
        let root = nodes.first().copied().unwrap_or_default();
        for child in root.children..root.children + u32::from(root.children_len) {
            let label = labels.get(child as usize).copied().unwrap_or_default();
            if let Some(place) = roots.get_mut(usize::from(label)) {
                *place = child;
            }
        }
        let mut bytes = std::array::from_fn(behind);
        for word in words {
            let first = word.word.text.bytes().next().unwrap_or_default();
            if let Some(flags) = bytes.get_mut(usize::from(first)) {
                *flags |= BEGINS;
                *flags |= if word.closed_start { 0 } else { BEGINS_INSIDE };
            }
        }
        Ok(Self {
            nodes: nodes.into(),
            labels: labels.into(),
            roots,
            bytes,
            prefixes: Prefixes::of(words),
        })
    }

    /// Shows words in `text`, by their numbers and place, in the order in which they end; of those that
    /// end together the longest first. Linear in the text.
    pub(super) fn find(
        &self,
        text: &[u8],
        pending: &mut Pending,
        mut show: impl FnMut(Range<usize>, Range<usize>),
    ) {
        pending.0.clear();
        let mut is_inside = false;
        for (at, byte) in text.iter().enumerate() {
            let flags = self.bytes.get(usize::from(*byte)).copied();
            let flags = flags.unwrap_or_default();
            let wanted = if is_inside { BEGINS_INSIDE } else { BEGINS };
            if flags & wanted != 0 && self.prefixes.may_begin(text, at) {
                pending.show(at, &mut show);
                self.walk(text, at, pending);
            }
            if flags & KEEPS == 0 {
                is_inside = flags & INSIDE != 0;
            }
        }
        pending.show(text.len(), &mut show);
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.labels)
            + self.prefixes.memory()
    }

    /// Finds the words that begin at `start`.
    fn walk(&self, text: &[u8], start: usize, pending: &mut Pending) {
        let mut at = start;
        let mut found = self.root(text, start);
        while let Some(node) = found {
            at += 1;
            if node.words_len > 0 {
                pending.add(Found {
                    end: at,
                    start,
                    words: node.words,
                    words_len: node.words_len,
                });
            }
            // All blanks and signs in a row are one space.
            if stream::is_space(text, at) {
                while stream::is_space(text, at + 1) {
                    at += 1;
                }
            }
            let next = text.get(at).map(|byte| stream::read(*byte));
            found = next.and_then(|byte| self.child(node, byte));
        }
    }

    fn root(&self, text: &[u8], at: usize) -> Option<&Node> {
        let root = *self.roots.get(usize::from(*text.get(at)?))? as usize;
        self.nodes.get(root).filter(|_| root != 0)
    }

    fn child(&self, node: &Node, byte: u8) -> Option<&Node> {
        let first = node.children as usize;
        let children = first..first + usize::from(node.children_len);
        let labels = self.labels.get(children)?;
        let place = labels.iter().position(|label| *label == byte)?;
        self.nodes.get(first + place)
    }
}

impl Pending {
    /// Adds what ends no earlier than what was shown. Few are pending: no more than begin within the
    /// longest word.
    fn add(&mut self, found: Found) {
        let at = self.0.iter().rposition(|other| *other < found);
        self.0.insert(at.map_or(0, |at| at + 1), found);
    }

    /// Shows what ends before `at`, where the next word begins.
    fn show(&mut self, at: usize, show: &mut impl FnMut(Range<usize>, Range<usize>)) {
        let shown = self.0.partition_point(|found| found.end <= at);
        for found in self.0.drain(..shown) {
            let first = found.words as usize;
            show(
                first..first + usize::from(found.words_len),
                found.start..found.end,
            );
        }
    }
}

/// Nodes level by level, and the bytes that lead to them; the root is the first.
fn grow(words: &[Spotted]) -> Result<(Vec<Node>, Vec<u8>), TooBig> {
    let text = |word: usize| {
        words
            .get(word)
            .map_or(&[][..], |word| word.word.text.as_bytes())
    };
    let (mut nodes, mut labels) = (Vec::new(), vec![0]);
    let mut open = VecDeque::from([(0..words.len(), 0)]);
    while let Some((range, depth)) = open.pop_front() {
        let ending = range.clone().take_while(|word| text(*word).len() == depth);
        let mut rest = range.start + ending.count()..range.end;
        let mut node = Node {
            words: u32::try_from(range.start).map_err(|_| TooBig)?,
            words_len: u16::try_from(rest.start - range.start).map_err(|_| TooBig)?,
            children: u32::try_from(labels.len()).map_err(|_| TooBig)?,
            children_len: 0,
        };
        while let Some(label) = text(rest.start)
            .get(depth)
            .copied()
            .filter(|_| !rest.is_empty())
        {
            let alike = rest
                .clone()
                .take_while(|word| text(*word).get(depth) == Some(&label));
            let alike = rest.start..rest.start + alike.count();
            rest.start = alike.end;
            labels.push(label);
            open.push_back((alike, depth + 1));
            node.children_len += 1;
        }
        nodes.push(node);
    }
    Ok((nodes, labels))
}

/// What a byte says of the place behind it: every character from U+0400 to U+047F is a letter; of
/// other scripts it is not known.
fn behind(byte: usize) -> u8 {
    match u8::try_from(byte) {
        Ok(0x80..=0xbf) => KEEPS,
        Ok(0xd0 | 0xd1) => INSIDE,
        Ok(byte) if byte.is_ascii_alphanumeric() => INSIDE,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::RuleBook;
    use super::*;
    use proptest::prelude::*;

    /// The same, the slow way.
    fn naive(book: &RuleBook, text: &str) -> Vec<(Range<usize>, Range<usize>)> {
        let mut found = Vec::new();
        for (number, word) in book.words.iter().enumerate() {
            for start in 0..text.len() {
                let mut end = start;
                let mut wanted = word.word.text.bytes();
                let mut next = wanted.next();
                while let (Some(byte), Some(read)) = (next, text.as_bytes().get(end)) {
                    if stream::read(*read) != byte {
                        break;
                    }
                    end += 1;
                    next = wanted.next();
                    while byte == b' ' && stream::is_space(text.as_bytes(), end) {
                        end += 1;
                    }
                }
                if next.is_none() {
                    found.push((end, start, number));
                }
            }
        }
        found.sort_unstable();
        let shown = found
            .into_iter()
            .map(|(end, start, number)| (number..number + 1, start..end));
        shown
            .filter(|(word, place)| book.words[word.start].fits(text, place.clone()))
            .collect()
    }

    fn found(book: &RuleBook, text: &str) -> Vec<(Range<usize>, Range<usize>)> {
        let mut found = Vec::new();
        book.trie
            .find(text.as_bytes(), &mut Pending::default(), |words, place| {
                for word in words {
                    if book.words[word].fits(text, place.clone()) {
                        found.push((word..word + 1, place.clone()));
                    }
                }
            });
        found
    }

    const PIECES: [&str; 26] = [
        "ignore",
        "all",
        "previous",
        "instructions",
        " ",
        "  ",
        "-",
        "\n",
        "you",
        "must",
        "忽略",
        "之前",
        "的指令",
        "игнорируй",
        "все",
        "правила",
        "<|im_start|>",
        "'",
        "é",
        "a",
        "do",
        "not",
        "tell",
        "send_",
        "1",
        "…",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn words_are_found_as_the_slow_way_finds_them(
            pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12),
        ) {
            let book = RuleBook::embedded().unwrap();
            let text = pieces.concat();
            prop_assert_eq!(found(&book, &text), naive(&book, &text));
        }
    }

    #[test]
    fn every_word_is_found_where_it_stands_alone_and_in_a_sentence() {
        let book = RuleBook::embedded().unwrap();
        for (number, word) in book.words.iter().enumerate() {
            for text in [word.word.text.clone(), format!("so, {}!", word.word.text)] {
                let found = found(&book, &text);
                let begins = word.word.begins_line && text.starts_with("so");
                assert!(
                    begins || found.iter().any(|(word, _)| word.start == number),
                    "{text}"
                );
            }
        }
    }
}
