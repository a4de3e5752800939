//! A transformer as written in configuration.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_types::DurationSpec;

/// A second opinion on texts that the guard marks, by a classifier of your own: an ONNX model and its
/// tokenizer. For programs that are built with the feature `transformer`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TransformerSpec {
    /// File of the model: a classifier of sequences as ONNX, at most 2 GiB, weights inside. Its inputs
    /// are `input_ids` and, if it likes, `attention_mask` and `token_type_ids`; its output is one row of
    /// labels.
    pub model: PathBuf,
    /// File of its tokenizer: `tokenizer.json`, at most 64 MiB.
    pub tokenizer: PathBuf,
    /// SHA-256 of the file of the model, in hexadecimal digits. Another file is refused. Not checked
    /// unless set.
    pub sha256: Option<String>,
    /// The same for the file of the tokenizer.
    pub tokenizer_sha256: Option<String>,
    /// Tokens that the model reads at once, those that frame a text included, 8 to 8192. Longer texts
    /// are read in windows that overlap by a quarter.
    #[schemars(range(min = 8, max = 8192))]
    pub max_tokens: usize,
    /// Windows read of one text, 1 to 64; the highest counts. What is left out is told, and a text
    /// that was not read whole is never cleared.
    #[schemars(range(min = 1, max = 64))]
    pub max_windows: usize,
    /// Name of the output to read: `logits` if there is one, else the first, unless set.
    pub output: Option<String>,
    /// What the numbers of the output are: `softmax` of several labels and `sigmoid` of one make
    /// probabilities of them, unless set; `none` for a model that answers with probabilities.
    pub scores: Option<Scores>,
    /// Labels that mean an attack, counted from 0: their probabilities are added up. The second one
    /// of several, or the only one, unless set.
    pub attack_labels: Vec<usize>,
    /// Lowest score of the guard from which texts are asked about that it does not mark, 0 to 1. None
    /// of them unless set.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ask_from: Option<f32>,
    /// Lowest probability from which a text is blocked, 0 to 1.
    // Told as it is written: as a number of double precision it would have more digits.
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 0.9))]
    pub block_at: f32,
    /// Highest probability up to which a marked text is allowed, below `blockAt`. Unless set, marked
    /// texts stay marked at the least. What stands out only decoded, or is hidden, or was not read
    /// whole stays marked whatever the model says.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub clear_at: Option<f32>,
    /// How long one request or response waits for all answers; a response that comes in pieces, each of
    /// those that are asked about.
    pub deadline: DurationSpec,
    /// Threads that run the model, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub workers: usize,
    /// Texts that may wait for a thread, 1 to 4096; more fail at once.
    #[schemars(range(min = 1, max = 4096))]
    pub queue: usize,
    /// What becomes of a text without an answer: too late, no room, or a model that fails.
    pub on_failure: OnFailure,
}

/// What becomes of a text without an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It is blocked.
    #[default]
    Block,
    /// It stays as the guard left it: marked, where only marked texts are asked about.
    Mark,
}

/// What the numbers are that a model answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scores {
    /// Logits of labels of which one is right.
    Softmax,
    /// Logits of labels that are right or not each by itself.
    Sigmoid,
    /// Probabilities.
    None,
}

/// What a classifier is made with, beside its files. One that was made with other settings is
/// another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub(crate) max_tokens: usize,
    pub(crate) max_windows: usize,
    pub(crate) output: Option<String>,
    pub(crate) scores: Option<Scores>,
    pub(crate) attack_labels: Vec<usize>,
    pub(crate) workers: usize,
    pub(crate) queue: usize,
}

impl TransformerSpec {
    /// What the classifier is made with.
    pub fn settings(&self) -> Settings {
        Settings {
            max_tokens: self.max_tokens,
            max_windows: self.max_windows,
            output: self.output.clone(),
            scores: self.scores,
            attack_labels: self.attack_labels.clone(),
            workers: self.workers,
            queue: self.queue,
        }
    }
}

impl Default for TransformerSpec {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            tokenizer: PathBuf::new(),
            sha256: None,
            tokenizer_sha256: None,
            max_tokens: 256,
            max_windows: 4,
            output: None,
            scores: None,
            attack_labels: Vec::new(),
            ask_from: None,
            block_at: 0.9,
            clear_at: None,
            deadline: DurationSpec::new(Duration::from_secs(2)),
            workers: 1,
            queue: 32,
            on_failure: OnFailure::Block,
        }
    }
}
