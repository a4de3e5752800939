//! Many rules, compiled to one tree of words.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use ztag_types::SmolStr;

use super::notation::{Gap, NotationError, Sets, Step, Word, parse, parse_vetoes};
use super::pack::{Pack, embedded, read};
use super::scan::Scan;
use super::theme::MOST_THEMES;
use super::trie::{TooBig, Trie};
use crate::channel::Channel;
use crate::normalize::Normalized;
use crate::spec::RuleSpec;

/// Rules that read a text together, in one pass.
#[derive(Debug)]
pub struct RuleBook {
    pub(super) trie: Trie,
    pub(super) words: Vec<Spotted>,
    pub(super) listeners: Vec<Listener>,
    pub(super) rules: Vec<Rule>,
    /// By rule, what takes its hits back.
    pub(super) vetoes: Vec<Box<[Veto]>>,
    pub(super) slots: usize,
}

/// A rule, compiled.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, such as `override.prior-instructions`.
    pub id: SmolStr,
    /// Version of its pack; 0 for a rule of the operator's.
    pub version: u32,
    /// For people: what a text does that it hits.
    pub reason: SmolStr,
    /// By channel, how likely a text is an attack that it hits; 0 where it does not look.
    pub weights: [f32; Channel::ALL.len()],
}

/// What a word of the tree asks for, and whom it moves.
#[derive(Debug)]
pub(super) struct Spotted {
    pub(super) word: Word,
    /// Whether a letter before it makes it another word.
    pub(super) closed_start: bool,
    /// Whether a letter behind it makes it another word.
    pub(super) closed_end: bool,
    pub(super) listeners: Range<usize>,
    /// Themes that it belongs to.
    pub(super) themes: Box<[u8]>,
}

/// A step of a rule that waits for a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listener {
    pub(super) rule: u16,
    /// Place of the state of this step.
    pub(super) slot: u32,
    pub(super) part: Part,
}

/// Words that take a hit back which follows soon enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Veto {
    /// Where the last of these words is kept.
    pub(super) slot: u32,
    /// What may stand between it and the hit.
    pub(super) reach: Gap,
}

/// What a word is to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its first step.
    First,
    /// A later step.
    Later(Gap),
    /// One of the words of a [`Veto`].
    Veto,
    /// The only step.
    Only,
    /// The last step; the slot is that of the step before.
    Last(Gap),
}

static EMBEDDED: LazyLock<Result<Arc<RuleBook>, BookError>> = LazyLock::new(|| {
    let (sets, packs) = embedded().map_err(|error| BookError::Pack(error.to_string()))?;
    RuleBook::of_packs(&sets, &packs).map(Arc::new)
});

/// Why rules cannot be compiled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BookError {
    /// A pack is not what it should be.
    #[error("a pack cannot be read: {0}")]
    Pack(String),
    /// A rule that cannot be read.
    #[error("rule `{id}`: {error}")]
    Notation {
        /// Its id.
        id: String,
        /// What is wrong with it.
        error: NotationError,
    },
    /// The words of all rules together are more than fit.
    #[error("too many words")]
    TooBig,
}

impl RuleBook {
    /// The rules that come with the guard, compiled when first asked for.
    ///
    /// # Errors
    /// When those of this build are broken.
    pub fn embedded() -> Result<Arc<Self>, BookError> {
        EMBEDDED.clone()
    }

    /// Compiles packs written in TOML like those in `rules/`, with the sets of words that they share.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn from_toml(words: &str, packs: &[&str]) -> Result<Self, BookError> {
        let read = read(words, packs).map_err(|error| BookError::Pack(error.to_string()))?;
        Self::of_packs(&read.0, &read.1)
    }

    /// Compiles packs, whose rules may use `sets` beside their own.
    pub(crate) fn of_packs(sets: &Sets, packs: &[Pack]) -> Result<Self, BookError> {
        let mut draft = Draft::default();
        draft.add_themes(sets)?;
        draft.add_packs(sets, packs)?;
        draft.finish()
    }

    /// The rules, in the order of [`RuleHit::rule`](super::RuleHit::rule).
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether the rule `id` hits `text` in some channel that it looks at.
    pub(crate) fn hits(&self, id: &str, text: &str) -> bool {
        let folded = Normalized::of(text);
        let mut scan = Scan::default();
        Channel::ALL.into_iter().any(|channel| {
            self.scan(folded.text(), channel, &mut scan);
            scan.hits().iter().any(|hit| {
                self.rules
                    .get(usize::from(hit.rule))
                    .is_some_and(|rule| rule.id == id)
            })
        })
    }

    /// Bytes of memory that the words of all rules take.
    pub fn memory(&self) -> usize {
        self.trie.memory()
    }
}

/// Rules being collected.
#[derive(Default)]
pub(crate) struct Draft {
    sets: Sets,
    rules: Vec<Rule>,
    words: BTreeMap<Word, Vec<Listener>>,
    themes: BTreeMap<Word, Vec<u8>>,
    vetoes: Vec<Box<[Veto]>>,
    slots: u32,
}

impl Draft {
    /// The rules that come with the guard, to which others are added.
    pub(crate) fn of_embedded() -> Result<Self, BookError> {
        let (sets, packs) = embedded().map_err(|error| BookError::Pack(error.to_string()))?;
        let mut draft = Self::default();
        draft.add_themes(&sets)?;
        draft.add_packs(&sets, &packs)?;
        draft.sets = sets;
        Ok(draft)
    }

    /// Whether a rule is called `id`.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    /// Adds a rule of the operator's, which may use the sets that every pack shares.
    pub(crate) fn add(&mut self, spec: &RuleSpec) -> Result<(), NotationError> {
        let sets = std::mem::take(&mut self.sets);
        let added = self.add_rule(spec, 0, &sets);
        self.sets = sets;
        added
    }

    /// Makes a theme of each of the sets that all packs share.
    fn add_themes(&mut self, sets: &Sets) -> Result<(), BookError> {
        for (theme, name) in (0u8..).zip(sets.keys().take(MOST_THEMES)) {
            let steps = parse(&format!("{{{name}}}"), sets);
            let steps = steps.map_err(|error| BookError::Notation {
                id: name.clone(),
                error,
            })?;
            for word in steps.into_iter().flat_map(|step| step.words) {
                self.words.entry(word.clone()).or_default();
                self.themes.entry(word).or_default().push(theme);
            }
        }
        Ok(())
    }

    fn add_packs(&mut self, sets: &Sets, packs: &[Pack]) -> Result<(), BookError> {
        for pack in packs {
            let mut known = sets.clone();
            known.extend(pack.sets.clone());
            for spec in &pack.rule {
                if spec
                    .id
                    .split_once('.')
                    .is_none_or(|(name, _)| name != pack.name)
                {
                    let message = format!("rule `{}` is not named after its pack", spec.id);
                    return Err(BookError::Pack(message));
                }
                let added = self.add_rule(spec, pack.version, &known);
                added.map_err(|error| BookError::Notation {
                    id: spec.id.clone(),
                    error,
                })?;
            }
        }
        Ok(())
    }

    fn add_rule(
        &mut self,
        spec: &RuleSpec,
        version: u32,
        sets: &Sets,
    ) -> Result<(), NotationError> {
        let steps = parse(&spec.steps, sets)?;
        let unless = parse_vetoes(&spec.unless, sets)?;
        let rule = u16::try_from(self.rules.len()).map_err(|_| NotationError::Steps)?;
        let last = steps.len() - 1;
        for (index, step) in steps.iter().enumerate() {
            let part = match (index, step.gap) {
                (0, _) if last == 0 => Part::Only,
                (0, _) => Part::First,
                (_, gap) if index == last => Part::Last(gap),
                (_, gap) => Part::Later(gap),
            };
            self.listen(step, rule, part);
        }
        let vetoes = unless.iter().map(|step| Veto {
            slot: self.listen(step, rule, Part::Veto),
            reach: step.gap,
        });
        let vetoes = vetoes.collect();
        self.vetoes.push(vetoes);
        self.rules.push(Rule {
            id: spec.id.as_str().into(),
            version,
            reason: spec.reason.as_str().into(),
            weights: weights(spec),
        });
        Ok(())
    }

    /// Builds the tree.
    pub(crate) fn finish(mut self) -> Result<RuleBook, BookError> {
        let mut listeners = Vec::new();
        let mut words = Vec::with_capacity(self.words.len());
        for (word, mut moved) in self.words {
            // Later steps first: a word never serves two steps of one rule at once.
            moved.sort_by_key(|listener| std::cmp::Reverse(listener.slot));
            let from = listeners.len();
            listeners.append(&mut moved);
            let themes = self.themes.remove(&word).unwrap_or_default();
            words.push(spotted(word, from..listeners.len(), themes));
        }
        let trie = Trie::of(&words).map_err(|TooBig| BookError::TooBig)?;
        Ok(RuleBook {
            trie,
            words,
            listeners,
            rules: self.rules,
            vetoes: self.vetoes,
            slots: usize::try_from(self.slots).unwrap_or(usize::MAX),
        })
    }

    /// Lets `rule` wait for the words of `step`; the slot of its state.
    fn listen(&mut self, step: &Step, rule: u16, part: Part) -> u32 {
        let slot = self.slots;
        self.slots += 1;
        for word in &step.words {
            let listeners = self.words.entry(word.clone()).or_default();
            listeners.push(Listener { rule, slot, part });
        }
        slot
    }
}

fn spotted(word: Word, listeners: Range<usize>, themes: Vec<u8>) -> Spotted {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
    Spotted {
        closed_start: !word.open_start && edge(word.text.chars().next()),
        closed_end: !word.open_end && edge(word.text.chars().next_back()),
        listeners,
        themes: themes.into(),
        word,
    }
}

fn weights(spec: &RuleSpec) -> [f32; Channel::ALL.len()] {
    Channel::ALL.map(|channel| {
        let looks = if spec.channels.is_empty() {
            !matches!(channel, Channel::System | Channel::Output)
        } else {
            spec.channels.contains(&channel)
        };
        let special = spec.weights.get(&channel).copied();
        match special {
            Some(weight) => weight,
            None if looks => spec.weight,
            None => 0.0,
        }
    })
}

/// Whether `c` belongs to a script that puts no spaces between words.
pub(super) const fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
            | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}
