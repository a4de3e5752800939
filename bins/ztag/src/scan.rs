//! `ztag scan`: what the guard says of texts.

mod answer;
mod evade;
mod eval;
mod lines;
mod second;
mod text;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Args;
use ztag_ai_security::Channel;

use crate::complain;
use answer::Examiner;
use second::SecondArguments;

/// Exit code when a text is marked or blocked.
const SUSPICIOUS: u8 = 1;

/// Exit code for input that cannot be read.
const UNUSABLE: u8 = 2;

const AFTER_HELP: &str = "\
With --jsonl every line of input is an object `{\"id\", \"text\", \"channel\"?}` and gets one line of \
output, in the same order: `{\"id\", \"verdict\", \"score\", \"threshold\", \"findings\", \"masked\"?}`, \
where `verdict` is `allow`, `mark` or `block`, and `block` exactly when `score` reaches `threshold` or \
more of the text was left unread than the limits allow, or the classifier that was asked says so or \
nothing (`--transformer`; the first finding then). Spans count bytes of the text in UTF-8. A line \
that cannot be read gets `{\"id\", \"error\", \"line\"}`.

Exit code: 0 all texts allowed, 1 one was marked or blocked, 2 the input is unusable. With --jsonl and \
--eval verdicts do not count.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ScanArguments {
    /// The text. Without it and --file, standard input.
    #[arg(conflicts_with_all = ["file", "eval"])]
    text: Option<String>,

    /// Files to read, each one text; with --jsonl, each one text a line. `-` is standard input.
    #[arg(long, short, value_name = "PATH", conflicts_with = "eval")]
    file: Vec<PathBuf>,

    /// Read and write JSON Lines.
    #[arg(long, conflicts_with_all = ["text", "eval"])]
    jsonl: bool,

    /// Where texts stand that do not say it: user, document, tool, tool-description, system, output.
    #[arg(long, default_value = "user", value_parser = channel)]
    channel: Channel,

    /// Block from this score on, 0 to 1, in every channel, instead of where the guard does.
    #[arg(long, value_parser = threshold)]
    threshold: Option<f32>,

    /// Find secrets and personal data, too, and show the text with placeholders in their place.
    #[arg(long)]
    mask: bool,

    /// Threads; as many as there are processors unless set.
    #[arg(long)]
    jobs: Option<NonZeroUsize>,

    /// Measure: each line of the file is an object `{"text", "label": "attack" or "benign",
    /// "channel"?, "kind"?, "source"?}`. Prints tables of detection and cost.
    #[arg(long, value_name = "PATH")]
    eval: Option<PathBuf>,

    /// With --eval, try to get so many blocked attacks past the guard by changing them, up to 50
    /// times each, and print how often that works.
    #[arg(long, value_name = "ATTACKS", requires = "eval")]
    evade: Option<usize>,

    #[command(flatten)]
    second: SecondArguments,
}

impl ScanArguments {
    fn jobs(&self) -> NonZeroUsize {
        let here = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or_else(here)
    }
}

pub(crate) fn run(arguments: &ScanArguments) -> ExitCode {
    let scanned = arguments
        .second
        .load(arguments.jobs())
        .and_then(|second| Examiner::new(arguments, second))
        .and_then(|examiner| scan(arguments, &examiner));
    scanned.unwrap_or_else(|error| {
        complain(&format!("ztag scan: {error}"));
        ExitCode::from(UNUSABLE)
    })
}

fn scan(arguments: &ScanArguments, examiner: &Examiner) -> Result<ExitCode, String> {
    if let Some(path) = &arguments.eval {
        eval::run(path, examiner, arguments.jobs(), arguments.evade)?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.jsonl {
        lines::run(&arguments.file, examiner, arguments.jobs())?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_calm = match &arguments.text {
        Some(text) => text::show(None, text, examiner)?,
        None => text::show_files(&arguments.file, examiner)?,
    };
    Ok(if is_calm {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SUSPICIOUS)
    })
}

fn channel(name: &str) -> Result<Channel, String> {
    let found = Channel::ALL
        .into_iter()
        .find(|channel| channel.as_str() == name);
    found.ok_or_else(|| {
        let names = Channel::ALL.map(Channel::as_str).join(", ");
        format!("no such channel; there are {names}")
    })
}

fn threshold(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().ok();
    let number = number.filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "not a number from 0 to 1".to_owned())
}
