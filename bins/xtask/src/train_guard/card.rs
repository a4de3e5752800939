//! The model card: what the weights were learnt from, how well they do and what they cannot do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ztag_ai_security::Channel;
use ztag_ai_security::model::Weights;
use ztag_ai_security::rules::Suite;

use super::corpus::Sample;

const HEAD: &str = "\
# Model card of the guard's linear model

Written by `cargo xtask train-guard`; do not edit.

Logistic regression over hashed n-grams of characters (3 to 5) and words (1 to 3, and pairs around a
word left out) and over themes, which are the sets of words that all rules share, and pairs of them,
with one weight of eight bits a place and one weight for each rule of the guard. There are two tables of
places: one for what people and models say, one for what only others write. A text counts as its best
window of one to three segments, which end with a sentence from 100 characters on, and as its best
decoded view.

**Use.** To block known kinds of prompt injection cheaply and to mark likely ones. It is not a
boundary: whoever may try often enough gets past it. Policy on what an agent may do, taint of what
tools return, and least privilege are the boundary.

**Limits.** It knows words, not intent. What is harmful only in context, a plain task in a document
that nobody asked for, and paraphrase without any of the usual words pass. Languages other than
English rest on few texts. Detection on collections that it never saw is far below what a random
split of the same collections shows; the table below is of collections that it never saw.
";

/// The whole page.
pub(super) fn card(
    samples: &[Sample],
    weights: &Weights,
    figures: &str,
    bands: &str,
    suite: &Suite,
) -> String {
    let mut page = format!("{HEAD}\n## Figures\n\n");
    page.push_str(
        "Each group of sources is scored by weights learnt from the other groups. The thresholds are\n\
         those at which 0.1, 0.5 and 1 % of all harmless texts but the project's own are above; cells\n\
         are the share of texts above, with 95 % intervals. Of attacks that is recall, of harmless\n\
         texts the rate of false alarms. Own cases are scored by weights that knew only their reworded\n\
         twins. The weights never saw a measured source; but people wrote rules and cases with these\n\
         collections at hand, so expect less elsewhere.\n\n",
    );
    page.push_str(figures);
    page.push_str(
        "\n## Verdicts\n\nThe same scores in the bands of each channel, rules and hidden characters counted.\n\n",
    );
    page.push_str(bands);
    let _ = write!(
        page,
        "\n## Patterns\n\nThe {} rules hit {} of the {} texts that they say they hit, and {} of the {} that they say\n\
         they do not. This is what \"100 %\" and \"0\" may be said of: these texts, in this version.\n",
        suite.rules, suite.hits.hits, suite.hits.of, suite.alarms.hits, suite.alarms.of
    );
    page.push_str("\n## Calibration\n\n");
    page.push_str(
        "Platt's curve a channel, fitted on the same scores, lowered each time the number of windows\n\
         doubles. A score is the probability of an attack where attacks are as frequent as other texts.\n\n\
         | channel | slope | offset | per doubling | mark from | block from |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for (channel, fitted) in Channel::ALL.into_iter().zip(&weights.calibrations) {
        let (mark, block) = (fitted.bands.mark, fitted.bands.block);
        let _ = writeln!(
            page,
            "| {channel} | {:.3} | {:.3} | {:.3} | {mark:.4} | {block:.4} |",
            fitted.slope, fitted.offset, fitted.per_doubling
        );
    }
    page.push_str(&sources(samples));
    page
}

fn sources(samples: &[Sample]) -> String {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for sample in samples {
        let side = if sample.is_attack { "attack" } else { "benign" };
        let use_of = if sample.is_trainable() {
            "learnt"
        } else {
            "only measured"
        };
        let source = sample.source.as_str();
        let key = (side, source, sample.licence.as_str(), use_of);
        *counts.entry(key).or_default() += 1;
    }
    let mut table = String::from(
        "\n## Data\n\nTexts under share-alike terms were measured with and not learnt from. Texts whose \
         source begins with\n`own:` were written for this project (`training/`).\n\n\
         | side | source | licence | use | texts |\n|---|---|---|---|---:|\n",
    );
    for ((side, source, licence, use_of), count) in counts {
        let _ = writeln!(
            table,
            "| {side} | {source} | {licence} | {use_of} | {count} |"
        );
    }
    table
}
