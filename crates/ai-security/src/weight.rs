//! What rules and hidden characters weigh together.

use crate::channel::Channel;
use crate::inspection::HiddenKind;
use crate::normalize::Hidden;
use crate::rules::Rule;

/// Most packs whose weights add up.
const MOST_PACKS: usize = 16;

/// What hidden characters of a kind weigh: how many there must be, the weight, and why.
const HIDDEN: [(HiddenKind, usize, f32, &str); 6] = [
    (
        HiddenKind::Tags,
        1,
        0.95,
        "text in characters that no font shows",
    ),
    (
        HiddenKind::Selectors,
        4,
        0.9,
        "bytes in characters that no font shows",
    ),
    (
        HiddenKind::Bidi,
        1,
        0.4,
        "an override of the writing direction",
    ),
    (
        HiddenKind::ZeroWidth,
        3,
        0.95,
        "zero-width characters inside words",
    ),
    (
        HiddenKind::LookAlikes,
        1,
        0.75,
        "a word with letters of another script that look like Latin ones",
    ),
    (
        HiddenKind::LookAlikes,
        2,
        0.95,
        "words with letters of another script that look like Latin ones",
    ),
];

/// Something hidden in a text that weighs.
pub(crate) struct Concealed {
    pub(crate) kind: HiddenKind,
    pub(crate) weight: f32,
    pub(crate) reason: &'static str,
    /// Where the first of its kind stands.
    pub(crate) first: usize,
}

/// What is hidden in a text and how much each kind of it weighs.
pub(crate) fn concealed(hidden: &Hidden) -> impl Iterator<Item = Concealed> {
    let kinds = HIDDEN
        .into_iter()
        .take(if hidden.is_empty() { 0 } else { HIDDEN.len() });
    kinds.filter_map(|(kind, fewest, weight, reason)| {
        let (_, first) = hidden.seen(kind).filter(|(count, _)| *count >= fewest)?;
        Some(Concealed {
            kind,
            weight,
            reason,
            first,
        })
    })
}

/// The heaviest weight of each pack: rules of one pack say the same, packs add up.
#[derive(Default)]
pub(crate) struct Packs<'a> {
    heaviest: [(&'a str, f32); MOST_PACKS],
    len: usize,
}

impl<'a> Packs<'a> {
    /// Adds a hit of `rule` in `channel`; its weight there.
    pub(crate) fn add(&mut self, rule: &'a Rule, channel: Channel) -> f32 {
        let weight = rule.weights.get(channel.index()).copied().unwrap_or(1.0);
        let pack = pack(rule);
        let known = self
            .heaviest
            .iter_mut()
            .take(self.len)
            .find(|(known, _)| *known == pack);
        if let Some((_, heaviest)) = known {
            *heaviest = heaviest.max(weight);
        } else if let Some(place) = self.heaviest.get_mut(self.len) {
            *place = (pack, weight);
            self.len += 1;
        } else if let Some((_, last)) = self.heaviest.last_mut() {
            *last = last.max(weight);
        }
        weight
    }

    /// One less the chance that none of them is right, were they independent.
    pub(crate) fn weight(&self) -> f32 {
        let wrong = self
            .heaviest
            .iter()
            .take(self.len)
            .map(|(_, weight)| 1.0 - weight.clamp(0.0, 1.0));
        1.0 - wrong.product::<f32>()
    }
}

/// What the id of a rule begins with.
fn pack(rule: &Rule) -> &str {
    rule.id.split_once('.').map_or(&*rule.id, |(pack, _)| pack)
}
