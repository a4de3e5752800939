//! Cross-validation: each group of sources is scored by weights learnt from the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::thread;

use serde_json::json;
use ztag_ai_security::measure::{Share, auc, threshold};
use ztag_ai_security::model::RATES;
use ztag_ai_security::model::calibration::Calibration;
use ztag_ai_security::{Bands, Channel};

use super::corpus::Sample;
use super::example::Examples;
use super::fit::Outcome;
use super::learner::{Learnt, Settings, learn};

/// Groups at work at once.
const THREADS: usize = 2;

/// The margin of every sample, by weights that know nothing of its group.
pub(super) fn outcomes(
    samples: &[Sample],
    examples: &Examples,
    rules: usize,
    settings: Settings,
) -> Vec<Outcome> {
    let groups: BTreeSet<_> = samples.iter().map(|sample| sample.group).collect();
    let groups = groups.into_iter().collect::<Vec<_>>();
    let without = |group: &'static str| {
        let is_used = |sample: &Sample| sample.group != group && sample.is_trainable();
        (group, learn(samples, examples, rules, settings, is_used))
    };
    let shares = groups.chunks(groups.len().div_ceil(THREADS).max(1));
    let learnt: BTreeMap<&str, Learnt> = thread::scope(|scope| {
        let learners = shares
            .map(|share| {
                scope.spawn(move || share.iter().map(|group| without(group)).collect::<Vec<_>>())
            })
            .collect::<Vec<_>>();
        let learnt = learners
            .into_iter()
            .filter_map(|learner| learner.join().ok());
        learnt.flatten().collect()
    });
    let all = samples.iter().zip(examples.all());
    let scored = all.map(|(sample, example)| {
        let learnt = learnt.get(sample.group);
        let found = learnt.and_then(|learnt| learnt.best(example, examples));
        Outcome {
            channel: sample.channel,
            is_attack: sample.is_attack,
            is_own: sample.is_own(),
            margin: found.map_or(0.0, |found| found.margin),
            windows: found.map_or(1, |found| {
                u32::try_from(found.view.windows.len()).unwrap_or(u32::MAX)
            }),
            weight: example.weight,
        }
    });
    scored.collect()
}

/// One JSON object a sample.
pub(super) fn lines(samples: &[Sample], scores: &[f32]) -> String {
    let lines = samples.iter().zip(scores).map(|(sample, score)| {
        let line = json!({
            "score": score, "attack": sample.is_attack, "kind": sample.kind,
            "channel": sample.channel, "source": sample.source, "text": sample.text,
        });
        format!("{line}\n")
    });
    lines.collect()
}

/// The thresholds at which so many of the harmless texts are above, the project's own not counted.
pub(super) fn levels(samples: &[Sample], scores: &[f32]) -> [f32; RATES.len()] {
    let benign = side(samples, scores, false);
    RATES.map(|rate| threshold(&benign, rate))
}

/// The scores of attacks, or of harmless texts, the project's own not counted.
pub(super) fn side(samples: &[Sample], scores: &[f32], is_attack: bool) -> Vec<f32> {
    let scored = samples.iter().zip(scores);
    let side = scored.filter(|(sample, _)| !sample.is_own() && sample.is_attack == is_attack);
    side.map(|(_, score)| *score).collect()
}

/// A table of what the scores are worth: over everything but the project's own cases, then by kind,
/// channel and group.
pub(super) fn figures(samples: &[Sample], scores: &[f32]) -> String {
    let scored = samples
        .iter()
        .zip(scores.iter().copied())
        .collect::<Vec<_>>();
    let attacks = side(samples, scores, true);
    let benign = side(samples, scores, false);
    let thresholds = levels(samples, scores);
    let mut slices: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for (sample, score) in &scored {
        let side = if sample.is_attack { "attack" } else { "benign" };
        let owner = if sample.is_own() { ", own" } else { "" };
        let group = if sample.is_own() {
            sample.source.as_str()
        } else {
            sample.group
        };
        for slice in [
            format!("{side}{owner}"),
            format!("{side}{owner}, kind {}", sample.kind),
            format!("{side}{owner}, channel {}", sample.channel),
            format!("{side}, group {group}"),
        ] {
            slices.entry(slice).or_default().push(*score);
        }
    }
    let mut table = format!(
        "Area under the curve: {:.3}\n\n| texts | number | at 0.1 % | at 0.5 % | at 1 % |\n|---|---:|---:|---:|---:|\n",
        auc(&attacks, &benign).unwrap_or_default()
    );
    for (slice, scores) in slices {
        let _ = write!(table, "| {slice} | {} |", scores.len());
        for threshold in thresholds {
            let share = Share::from(threshold, &scores);
            let (low, high) = share.interval();
            let _ = write!(table, " {:.3} ({low:.3}-{high:.3}) |", share.rate());
        }
        table.push('\n');
    }
    table
}

/// What share of the texts of each channel is blocked, and blocked or marked, where the bands are.
pub(super) fn bands(
    samples: &[Sample],
    scores: &[f32],
    calibrations: &[Calibration; Channel::ALL.len()],
) -> String {
    let mut slices: BTreeMap<(Channel, bool, bool), Vec<f32>> = BTreeMap::new();
    for (sample, score) in samples.iter().zip(scores) {
        let slice = (sample.channel, sample.is_own(), !sample.is_attack);
        slices.entry(slice).or_default().push(*score);
    }
    let mut table = String::from(
        "| channel | texts | number | blocked | blocked or marked |\n|---|---|---:|---:|---:|\n",
    );
    for ((channel, is_own, is_harmless), scores) in slices {
        let calibration = calibrations.get(channel.index());
        let Bands { mark, block } = calibration.copied().unwrap_or_default().bands;
        let side = if is_harmless { "harmless" } else { "attacks" };
        let owner = if is_own { ", own" } else { "" };
        let (blocked, marked) = (Share::from(block, &scores), Share::from(mark, &scores));
        let _ = writeln!(
            table,
            "| {channel} | {side}{owner} | {} | {:.3} | {:.3} |",
            scores.len(),
            blocked.rate(),
            marked.rate()
        );
    }
    table
}
