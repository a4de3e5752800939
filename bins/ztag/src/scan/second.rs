//! A second opinion on marked texts, by a classifier of the operator's.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::{Builder, Runtime};
use ztag_ai_security::measure::Share;
use ztag_ai_security::transformer::{Asked, Classifier, ModelFiles, Transformer, TransformerSpec};
use ztag_ai_security::{Channel, Guard, Inspection, Verdict};
use ztag_types::{ConfigPath, DurationSpec, Findings};

use super::eval::{Label, Labelled, Outcome, cell, spread};

/// How long one text waits: what is measured is the classifier, not the patience of a server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Settings of a `transformer` in configuration, by the same names.
#[derive(Debug, Args)]
#[command(next_help_heading = "Second opinion")]
pub(crate) struct SecondArguments {
    /// Ask a classifier about marked texts: its model, an ONNX file. For programs that are built with
    /// the feature `transformer`.
    #[arg(long, value_name = "MODEL", requires = "tokenizer")]
    transformer: Option<PathBuf>,

    /// Its tokenizer: `tokenizer.json`.
    #[arg(long, value_name = "FILE", requires = "transformer")]
    tokenizer: Option<PathBuf>,

    /// Probability from which it blocks a text, 0 to 1; 0.9 unless set.
    #[arg(long, requires = "transformer")]
    block_at: Option<f32>,

    /// Probability up to which it allows a marked text, 0 to 1. None unless set.
    #[arg(long, requires = "transformer")]
    clear_at: Option<f32>,

    /// Ask about allowed texts, too, from this score of the guard on, 0 to 1.
    #[arg(long, requires = "transformer")]
    ask_from: Option<f32>,

    /// Tokens that it reads at once; 256 unless set.
    #[arg(long, requires = "transformer")]
    max_tokens: Option<usize>,

    /// Windows of so many tokens that it reads of one text; 4 unless set.
    #[arg(long, requires = "transformer")]
    max_windows: Option<usize>,

    /// A label that means an attack, counted from 0; may be given several times. The second one of
    /// several unless set.
    #[arg(long, value_name = "LABEL", requires = "transformer")]
    attack_labels: Vec<usize>,
}

/// Who is asked, and the timer that waiting needs.
#[derive(Debug)]
pub(super) struct Second {
    transformer: Transformer,
    runtime: Runtime,
}

impl SecondArguments {
    /// Loads the classifier, if one is named, for so many texts at a time.
    ///
    /// # Errors
    /// When this program has no classifiers, a setting makes no sense, or the files are none.
    pub(super) fn load(&self, jobs: NonZeroUsize) -> Result<Option<Second>, String> {
        let (Some(model), Some(tokenizer)) = (&self.transformer, &self.tokenizer) else {
            return Ok(None);
        };
        let spec = self.spec(model, tokenizer, jobs);
        let (at, mut findings) = (ConfigPath::root().key("transformer"), Findings::new());
        let transformer = Transformer::compile(&spec, &at, &mut findings);
        let transformer = transformer.ok_or_else(|| told(findings))?;
        let (model, tokenizer) = (read(model)?, read(tokenizer)?);
        let files = ModelFiles {
            model: &model,
            tokenizer: &tokenizer,
        };
        let classifier = Classifier::load(&files, &spec.settings());
        let classifier = classifier.map_err(|error| error.to_string())?;
        let runtime = Builder::new_current_thread().enable_time().build();
        Ok(Some(Second {
            transformer: transformer.with_classifier(Arc::new(classifier)),
            runtime: runtime.map_err(|error| error.to_string())?,
        }))
    }

    fn spec(&self, model: &Path, tokenizer: &Path, jobs: NonZeroUsize) -> TransformerSpec {
        let standard = TransformerSpec::default();
        TransformerSpec {
            model: model.to_owned(),
            tokenizer: tokenizer.to_owned(),
            block_at: self.block_at.unwrap_or(standard.block_at),
            clear_at: self.clear_at,
            ask_from: self.ask_from,
            max_tokens: self.max_tokens.unwrap_or(standard.max_tokens),
            max_windows: self.max_windows.unwrap_or(standard.max_windows),
            attack_labels: self.attack_labels.clone(),
            // Each thread that scans waits for one answer.
            workers: jobs.get().min(64),
            queue: jobs.get().min(4096),
            deadline: DurationSpec::new(PATIENCE),
            ..standard
        }
    }
}

impl Second {
    /// Asks about a text of which the guard says this, where an answer could change that, and changes
    /// it.
    pub(super) fn ask(
        &self,
        guard: &Guard,
        text: &str,
        channel: Channel,
        inspection: &mut Inspection,
    ) -> Asked {
        let asked = self
            .transformer
            .reconsider(guard, text, channel, inspection);
        self.runtime.block_on(asked)
    }
}

/// What asking changed: whom it blocked and let go, and what that cost.
pub(super) fn table(labelled: &[Labelled], outcomes: &[Outcome]) -> String {
    let mut page = String::from(
        "\nSecond opinion:\n\n\
         | label | texts | asked about | blocked by it | cleared by it | no answer | blocked alone | blocked with it | blocked or marked alone | blocked or marked with it |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for label in [Label::Attack, Label::Benign] {
        let side = labelled.iter().zip(outcomes);
        let side = side.filter(|(labelled, _)| labelled.label == label);
        let side: Vec<_> = side.map(|(_, outcome)| outcome).collect();
        let _ = writeln!(page, "| {} | {} |", label.as_str(), row(&side));
    }
    let asked = outcomes
        .iter()
        .filter(|outcome| outcome.consulted.texts > 0);
    let (median, slow) = spread(asked.map(|outcome| outcome.consulted.latency));
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let _ = writeln!(
        page,
        "\nCost of an answer: p50 {:.1} ms, p99 {:.1} ms",
        millis(median),
        millis(slow)
    );
    page
}

fn row(side: &[&Outcome]) -> String {
    let sum = |count: fn(&Asked) -> usize| -> String {
        let counts = side.iter().map(|outcome| count(&outcome.consulted));
        counts.sum::<usize>().to_string()
    };
    let share = |verdict: fn(&Outcome) -> Verdict, least: Verdict| {
        cell(Share {
            hits: side.iter().filter(|own| verdict(own) >= least).count(),
            of: side.len(),
        })
    };
    let cells = [
        side.len().to_string(),
        sum(|asked| asked.texts),
        sum(|asked| asked.blocked),
        sum(|asked| asked.cleared),
        sum(|asked| asked.failed),
        share(|own| own.alone, Verdict::Block),
        share(|own| own.verdict, Verdict::Block),
        share(|own| own.alone, Verdict::Mark),
        share(|own| own.verdict, Verdict::Mark),
    ];
    cells.join(" | ")
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Everything that is wrong, on one line.
fn told(findings: Findings) -> String {
    let mut all = String::new();
    for found in findings.into_vec() {
        let between = if all.is_empty() { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(all, "{between}{}: {}", found.path, found.message);
        if let Some(hint) = &found.hint {
            let _ = write!(all, " ({hint})");
        }
    }
    all
}
