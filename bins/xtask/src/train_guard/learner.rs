//! Logistic regression over the best window of each text.
//!
//! A text counts as its best window, as it does when it is scored: of an attack the stretch that
//! gives it away, of a harmless text the stretch that comes closest to one. The first round, which
//! knows no best window yet, takes all of them. Steps shrink for weights that have moved much
//! (`AdaGrad`); rules may only speak for an attack. What is learnt of a feature in one table of weights
//! counts in the other, too, until that has learnt otherwise.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "weights are learnt in single precision, from counts far below its limit"
)]

use std::collections::BTreeMap;

use ztag_ai_security::model::features::PLACES;
use ztag_ai_security::model::{TABLES, damping};

use super::corpus::Sample;
use super::draw::Draw;
use super::example::{Example, Examples, View, Window};

/// How it learns; found by cross-validation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Rounds over all texts, the first over all their windows.
    pub(super) rounds: usize,
    /// Size of the first steps.
    pub(super) step: f32,
    /// How strongly weights are drawn to zero.
    pub(super) decay: f32,
    /// Size of the steps of rules against that: they are few and each is seen often.
    pub(super) rule_step: f32,
    /// A source of n texts counts as n to the power of this.
    pub(super) balance: f32,
    /// How much harmless texts count against attacks, all together.
    pub(super) harmless: f32,
    /// An attack that is expected to be harmless with probability p counts with p to the power of
    /// this less: what cannot be told from harmless texts is not learnt by heart.
    pub(super) patience: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rounds: 5,
            step: 0.2,
            decay: 1e-4,
            rule_step: 0.3,
            balance: 0.35,
            harmless: 6.0,
            patience: 0.5,
        }
    }
}

/// Squared gradients that every weight is taken to have seen.
const CALM: f32 = 1e-2;

/// What attacks count at least that look harmless, before the power.
const LEAST_PATIENCE: f32 = 0.02;

/// What a feature weighs everywhere, and how much more or less in each table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    pub(super) shared: f32,
    pub(super) apart: [f32; TABLES],
}

impl Weight {
    /// What it weighs in `table`.
    pub(super) fn within(&self, table: usize) -> f32 {
        self.shared + self.apart.get(table).copied().unwrap_or_default()
    }
}

/// What was learnt, in full precision.
#[derive(Clone, Debug)]
pub(super) struct Learnt {
    pub(super) bias: f32,
    pub(super) places: Vec<Weight>,
    pub(super) rules: Vec<f32>,
}

/// The margin of a text and the windows of the view that has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'e> {
    pub(super) margin: f32,
    pub(super) view: &'e View,
    pub(super) window: &'e Window,
}

/// Learns from those of `samples` that `is_used`.
pub(super) fn learn(
    samples: &[Sample],
    examples: &Examples,
    rules: usize,
    settings: Settings,
    is_used: impl Fn(&Sample) -> bool,
) -> Learnt {
    let used = samples
        .iter()
        .zip(examples.all())
        .filter(|(sample, _)| is_used(sample));
    let used: Vec<_> = used.collect();
    let counts = importance(used.iter().map(|(sample, _)| *sample), settings);
    let mut order: Vec<_> = used.into_iter().zip(counts).collect();
    Draw::named("order").shuffle(&mut order);
    let mut learner = Learner::new(rules, settings, examples);
    for round in 0..settings.rounds {
        for ((sample, example), counts) in &order {
            learner.see(example, sample.is_attack, *counts, round == 0);
        }
    }
    learner.learnt
}

/// How much each text counts: sources by a power of their size, attacks together as much as if each
/// text counted half, harmless texts as many times that as they are set to.
fn importance<'s>(
    samples: impl Iterator<Item = &'s Sample> + Clone,
    settings: Settings,
) -> Vec<f32> {
    let Settings {
        balance, harmless, ..
    } = settings;
    let source = |sample: &'s Sample| (sample.is_attack, sample.source.as_str());
    let mut sizes: BTreeMap<_, f32> = BTreeMap::new();
    for sample in samples.clone() {
        *sizes.entry(source(sample)).or_default() += 1.0;
    }
    let mut totals: BTreeMap<bool, f32> = BTreeMap::new();
    for ((is_attack, _), size) in &sizes {
        *totals.entry(*is_attack).or_default() += size.powf(balance);
    }
    let half = samples.clone().count() as f32 / 2.0;
    let weigh = |sample: &'s Sample| {
        let size = sizes.get(&source(sample)).copied().unwrap_or(1.0);
        let total = totals.get(&sample.is_attack).copied().unwrap_or(1.0);
        let side = if sample.is_attack { 1.0 } else { harmless };
        side * size.powf(balance - 1.0) * half / total
    };
    samples.map(weigh).collect()
}

impl Learnt {
    /// The best window of `example`.
    pub(super) fn best<'e>(&self, example: &'e Example, examples: &Examples) -> Option<Found<'e>> {
        let views = example.views.iter();
        let windows = views.flat_map(|view| view.windows.iter().map(move |window| (view, window)));
        let found = windows.map(|(view, window)| Found {
            margin: self.margin(view, examples.grams(window), example.table),
            view,
            window,
        });
        found.reduce(|best, next| {
            if next.margin > best.margin {
                next
            } else {
                best
            }
        })
    }

    fn margin(&self, view: &View, grams: &[u32], table: usize) -> f32 {
        let weight = |gram: &u32| {
            self.places
                .get(*gram as usize)
                .map_or(0.0, |weight| weight.within(table))
        };
        let sum: f32 = grams.iter().map(weight).sum();
        let rule = |rule: &u16| {
            self.rules
                .get(usize::from(*rule))
                .copied()
                .unwrap_or_default()
        };
        let rules: f32 = view.rules.iter().map(rule).sum();
        self.bias + rules + sum * damping(grams.len() as u32)
    }
}

struct Learner<'e> {
    settings: Settings,
    examples: &'e Examples,
    learnt: Learnt,
    seen: Learnt,
}

impl<'e> Learner<'e> {
    fn new(rules: usize, settings: Settings, examples: &'e Examples) -> Self {
        let all = |value| Learnt {
            bias: value,
            places: vec![
                Weight {
                    shared: value,
                    apart: [value; TABLES],
                };
                PLACES
            ],
            rules: vec![value; rules],
        };
        Self {
            settings,
            examples,
            learnt: all(0.0),
            seen: Learnt {
                bias: 1.0,
                rules: vec![1.0; rules],
                ..all(CALM)
            },
        }
    }

    fn see(&mut self, example: &Example, is_attack: bool, counts: f32, takes_all: bool) {
        if !takes_all {
            if let Some(best) = self.learnt.best(example, self.examples) {
                self.step(best.view, best.window, example.table, is_attack, counts);
            }
            return;
        }
        let windows: usize = example.views.iter().map(|view| view.windows.len()).sum();
        let each = counts / windows.max(1) as f32;
        for view in &example.views {
            for window in &view.windows {
                self.step(view, window, example.table, is_attack, each);
            }
        }
    }

    fn step(&mut self, view: &View, window: &Window, table: usize, is_attack: bool, counts: f32) {
        let grams = self.examples.grams(window);
        let margin = self.learnt.margin(view, grams, table);
        let expected = 1.0 / (1.0 + (-margin).exp());
        let counts = if is_attack {
            counts * (expected + LEAST_PATIENCE).powf(self.settings.patience)
        } else {
            counts
        };
        let error = (expected - f32::from(u8::from(is_attack))) * counts;
        let Settings {
            step,
            decay,
            rule_step,
            ..
        } = self.settings;
        let damping = damping(grams.len() as u32);
        for gram in grams {
            let at = *gram as usize;
            let weight = self
                .learnt
                .places
                .get_mut(at)
                .zip(self.seen.places.get_mut(at));
            if let Some((weight, seen)) = weight {
                let gradient = damping * (error + decay * counts * weight.shared);
                seen.shared += gradient * gradient;
                weight.shared -= step * gradient / seen.shared.sqrt();
                if let Some((apart, seen)) =
                    weight.apart.get_mut(table).zip(seen.apart.get_mut(table))
                {
                    let gradient = damping * (error + decay * counts * *apart);
                    *seen += gradient * gradient;
                    *apart -= step * gradient / seen.sqrt();
                }
            }
        }
        for rule in &view.rules {
            let at = usize::from(*rule);
            let weight = self
                .learnt
                .rules
                .get_mut(at)
                .zip(self.seen.rules.get_mut(at));
            if let Some((weight, seen)) = weight {
                *seen += error * error;
                *weight = (*weight - step * rule_step * error / seen.sqrt()).max(0.0);
            }
        }
        self.seen.bias += error * error;
        self.learnt.bias -= step * error / self.seen.bias.sqrt();
    }
}
