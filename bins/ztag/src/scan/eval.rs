//! How well the guard does on labelled texts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use ztag_ai_security::measure::{Share, auc, threshold};
use ztag_ai_security::model::{Model, RATES};
use ztag_ai_security::transformer::Asked as Consulted;
use ztag_ai_security::{Channel, Scratch, Verdict};

use super::answer::{Asked, Examiner};
use super::{evade, second};
use crate::progress::Progress;

/// Texts examined between two steps of the progress bar.
const STEP: usize = 256;

/// A labelled text.
#[derive(Debug, Deserialize)]
pub(super) struct Labelled {
    pub(super) text: String,
    pub(super) label: Label,
    #[serde(default)]
    channel: Option<Channel>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    source: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Label {
    Attack,
    Benign,
}

impl Label {
    /// As in the file.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::Benign => "benign",
        }
    }
}

/// What was said of a text.
pub(super) struct Outcome {
    score: f32,
    pub(super) verdict: Verdict,
    /// What the guard alone said.
    pub(super) alone: Verdict,
    pub(super) consulted: Consulted,
    /// How long the guard took.
    cost: Duration,
    length: usize,
}

/// Examines every text of the file and prints tables.
///
/// # Errors
/// When the file cannot be read or a line is not a labelled text.
pub(super) fn run(
    path: &Path,
    examiner: &Examiner,
    jobs: NonZeroUsize,
    evade: Option<usize>,
) -> Result<(), String> {
    let labelled = read(path)?;
    let outcomes = examine(&labelled, examiner, jobs);
    let mut page = tables(&labelled, &outcomes);
    if examiner.asks() {
        page.push_str(&second::table(&labelled, &outcomes));
    }
    if let Some(most) = evade {
        let blocked = labelled
            .iter()
            .zip(&outcomes)
            .filter(|(labelled, outcome)| {
                labelled.label == Label::Attack && outcome.verdict == Verdict::Block
            });
        let blocked = blocked.map(|(labelled, _)| labelled).collect::<Vec<_>>();
        page.push_str(&evade::table(&blocked, most, examiner, jobs));
    }
    let written = io::stdout().write_all(page.as_bytes());
    written.map_err(|error| format!("standard output: {error}"))
}

fn read(path: &Path) -> Result<Vec<Labelled>, String> {
    let text = if path.as_os_str() == "-" {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let name = path.display();
    let text = text.map_err(|error| format!("{name}: {error}"))?;
    let lines = text.lines().enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    let labelled = filled.map(|(at, line)| {
        serde_json::from_str(line).map_err(|error| format!("{name}:{}: {error}", at + 1))
    });
    labelled.collect()
}

impl Labelled {
    pub(super) fn asked(&self) -> Asked {
        Asked {
            id: serde_json::Value::Null,
            text: self.text.clone(),
            channel: self.channel,
        }
    }
}

fn examine(labelled: &[Labelled], examiner: &Examiner, jobs: NonZeroUsize) -> Vec<Outcome> {
    let progress = Progress::towards(Some(labelled.len()), "texts");
    let mut outcomes = Vec::with_capacity(labelled.len());
    for step in labelled.chunks(STEP * jobs.get()) {
        let share = step.len().div_ceil(jobs.get());
        thread::scope(|scope| {
            let workers = step
                .chunks(share)
                .map(|share| {
                    scope.spawn(|| {
                        let mut scratch = Scratch::default();
                        let outcomes = share
                            .iter()
                            .map(|labelled| one(labelled, examiner, &mut scratch));
                        outcomes.collect::<Vec<_>>()
                    })
                })
                .collect::<Vec<_>>();
            for worker in workers {
                outcomes.extend(worker.join().unwrap_or_default());
            }
        });
        progress.show(outcomes.len());
    }
    outcomes
}

fn one(labelled: &Labelled, examiner: &Examiner, scratch: &mut Scratch) -> Outcome {
    let asked = labelled.asked();
    let start = Instant::now();
    let answer = examiner.examine(scratch, &asked);
    Outcome {
        cost: start.elapsed().saturating_sub(answer.consulted.latency),
        score: answer.score,
        verdict: answer.verdict,
        alone: answer.alone,
        consulted: answer.consulted,
        length: labelled.text.len(),
    }
}

fn tables(labelled: &[Labelled], outcomes: &[Outcome]) -> String {
    let side = |label: Label| {
        let side = labelled
            .iter()
            .zip(outcomes)
            .filter(|(labelled, _)| labelled.label == label);
        side.map(|(_, outcome)| outcome.score).collect::<Vec<_>>()
    };
    let (attacks, benign) = (side(Label::Attack), side(Label::Benign));
    let area = auc(&attacks, &benign).map_or("-".to_owned(), |area| format!("{area:.4}"));
    let mut page = format!(
        "{} attacks, {} other texts; area under the curve {area}\n\n",
        attacks.len(),
        benign.len()
    );
    page.push_str(&levels(&attacks, &benign));
    page.push_str(&slices(labelled, outcomes));
    page.push_str(&cost(outcomes));
    page
}

/// Recall at fixed rates of false alarms: with the thresholds of these texts, and with those of the
/// texts that the model was calibrated on.
fn levels(attacks: &[f32], benign: &[f32]) -> String {
    let mut table = String::from(
        "| false alarms wanted | threshold | recall | false alarms | threshold from development | recall | false alarms |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let developed = Model::embedded().map(|model| model.weights().levels).ok();
    for (at, rate) in RATES.into_iter().enumerate() {
        let here = threshold(benign, rate);
        let developed = developed
            .as_ref()
            .and_then(|levels| levels.get(at))
            .copied();
        let _ = write!(table, "| {:.1} % |", rate * 100.0);
        for threshold in [Some(here), developed].into_iter().flatten() {
            let (recall, alarms) = (
                Share::from(threshold, attacks),
                Share::from(threshold, benign),
            );
            let _ = write!(
                table,
                " {threshold:.4} | {} | {} |",
                cell(recall),
                cell(alarms)
            );
        }
        table.push('\n');
    }
    table.push('\n');
    table
}

/// What share of each slice is blocked, and blocked or marked, by the guard's own verdict.
fn slices(labelled: &[Labelled], outcomes: &[Outcome]) -> String {
    let mut slices: BTreeMap<(Label, String), Vec<Verdict>> = BTreeMap::new();
    for (labelled, outcome) in labelled.iter().zip(outcomes) {
        let channel = labelled.channel.map(|channel| format!("channel {channel}"));
        let kind = labelled.kind.as_ref().map(|kind| format!("kind {kind}"));
        let source = labelled
            .source
            .as_ref()
            .map(|source| format!("source {source}"));
        for slice in [Some("all".to_owned()), channel, kind, source]
            .into_iter()
            .flatten()
        {
            slices
                .entry((labelled.label, slice))
                .or_default()
                .push(outcome.verdict);
        }
    }
    let mut table = String::from(
        "| label | slice | texts | blocked | blocked or marked |\n|---|---|---:|---:|---:|\n",
    );
    for ((label, slice), verdicts) in slices {
        let share = |least: Verdict| Share {
            hits: verdicts.iter().filter(|verdict| **verdict >= least).count(),
            of: verdicts.len(),
        };
        let label = label.as_str();
        let (blocked, marked) = (cell(share(Verdict::Block)), cell(share(Verdict::Mark)));
        let _ = writeln!(
            table,
            "| {label} | {slice} | {} | {blocked} | {marked} |",
            verdicts.len()
        );
    }
    table.push('\n');
    table
}

/// A share and where it lies with a confidence of 95 %.
pub(super) fn cell(share: Share) -> String {
    let (low, high) = share.interval();
    format!("{:.4} ({low:.4}-{high:.4})", share.rate())
}

fn cost(outcomes: &[Outcome]) -> String {
    let costs = outcomes.iter().map(|outcome| outcome.cost);
    let total: Duration = costs.clone().sum();
    let (median, slow) = spread(costs);
    let bytes: usize = outcomes.iter().map(|outcome| outcome.length).sum();
    #[expect(clippy::cast_precision_loss, reason = "texts of fewer than 2^53 bytes")]
    let speed = bytes as f64 / 1e6 / total.as_secs_f64().max(f64::MIN_POSITIVE);
    format!(
        "Cost of a text: p50 {:.1} µs, p99 {:.1} µs; {speed:.1} MB/s a thread\n",
        median.as_secs_f64() * 1e6,
        slow.as_secs_f64() * 1e6,
    )
}

/// The median and the 99th percentile.
pub(super) fn spread(times: impl Iterator<Item = Duration>) -> (Duration, Duration) {
    let mut times = times.collect::<Vec<_>>();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied();
    (at(50).unwrap_or_default(), at(99).unwrap_or_default())
}
