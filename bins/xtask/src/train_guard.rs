//! Trains the linear model of the guard: reads labelled texts, writes weights, model card and golden
//! texts.
//!
//! Every figure printed is measured on groups of sources that the measured weights were not learnt
//! from. A model below the floors is not written. The same data make the same bytes.

mod card;
mod corpus;
mod draw;
mod example;
mod fit;
mod floors;
mod folds;
mod golden;
mod grammar;
mod learner;
mod quantize;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use ztag_ai_security::model::reading::Reader;
use ztag_ai_security::model::{Model, Weights};
use ztag_ai_security::rules::Suite;
use ztag_test_support::{Failure, workspace};

use example::Examples;
use learner::{Settings, learn};

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with `attack.jsonl` and `benign.jsonl`.
    #[arg(long)]
    data: PathBuf,
    /// Where weights, model card and golden texts go.
    #[arg(long, default_value = "crates/ai-security/assets")]
    out: PathBuf,
    /// Only print the figures.
    #[arg(long)]
    dry_run: bool,
    /// Write the scores on texts not learnt from, one JSON object a line, to this file.
    #[arg(long)]
    scores: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut samples = corpus::load(&options.data)?;
    let own = workspace().join("crates/ai-security/training");
    samples.extend(grammar::cases(&own)?);
    let mut reader = Reader::new().map_err(|error| Failure::new(error.to_string()))?;
    let rules = reader.rules();
    let examples = Examples::of(&samples, &mut reader);
    println!("{} texts, {} rules", samples.len(), rules.len());
    let settings = Settings::default();
    let outcomes = folds::outcomes(&samples, &examples, rules.len(), settings);
    let calibrations = fit::calibrate(&outcomes);
    let scores = outcomes
        .iter()
        .map(|outcome| {
            let calibration = calibrations.get(outcome.channel.index());
            let calibration = calibration.copied().unwrap_or_default();
            let score = calibration.probability(outcome.margin, outcome.windows);
            score.max(calibration.bands.lift(outcome.weight))
        })
        .collect::<Vec<_>>();
    let figures = folds::figures(&samples, &scores);
    let bands = folds::bands(&samples, &scores, &calibrations);
    println!("{figures}\n{bands}");
    if let Some(path) = &options.scores {
        fs::write(path, folds::lines(&samples, &scores))?;
    }
    let floors = floors::judge(&samples, &scores, &calibrations);
    for floor in &floors {
        println!("{floor}");
    }
    if !floors.iter().all(floors::Floor::is_met) {
        return Err(Failure::new("a floor is missed: nothing is written"));
    }
    if options.dry_run {
        return Ok(());
    }
    let learnt = learn(&samples, &examples, rules.len(), settings, |sample| {
        sample.is_trainable()
    });
    let weights = Weights {
        calibrations,
        levels: folds::levels(&samples, &scores),
        ..quantize::quantize(&learnt, &rules)
    };
    let suite = Suite::run().map_err(|error| Failure::new(error.to_string()))?;
    let card = card::card(&samples, &weights, &figures, &bands, &suite);
    fs::write(options.out.join("guard.weights"), weights.to_bytes())?;
    fs::write(options.out.join("model-card.md"), card)?;
    let golden = golden::lines(&samples, &Model::new(weights))?;
    fs::write(options.out.join("golden.jsonl"), golden)?;
    println!("written to {}", options.out.display());
    Ok(())
}
