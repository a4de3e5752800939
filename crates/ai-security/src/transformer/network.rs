//! The model: tokens in, the probability of an attack out.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid as _;

use super::tokens::Tokens;
use super::{LoadError, Scores, Settings, Unanswered};

/// Most bytes of a message of the library that runs models.
const LONGEST_MESSAGE: usize = 300;

/// A model, ready to run.
#[derive(Debug)]
pub(super) struct Network {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
    /// Tokens that it reads, neither more nor less; nothing when any number will do.
    width: Option<usize>,
    scores: Option<Scores>,
    attack: Vec<usize>,
}

/// An input, and the type of its numbers.
#[derive(Clone, Copy, Debug)]
struct Input {
    kind: InputKind,
    datum: DatumType,
}

#[derive(Clone, Copy, Debug)]
enum InputKind {
    Ids,
    Mask,
    Types,
}

impl Network {
    /// Reads a model, and runs it with short and long texts up to the token `highest`.
    pub(super) fn read(file: &[u8], settings: &Settings, highest: u32) -> Result<Self, LoadError> {
        let read = |width| {
            let network = Self::of(file, settings, width)?;
            let lengths = width.map_or([1, settings.max_tokens], |width| [1, width]);
            for length in lengths {
                network.check(length, highest)?;
            }
            Ok(network)
        };
        // Some models only run with texts of one length: these read every text filled up to that.
        let any: Result<Self, LoadError> = caught(|| read(None));
        let network = any.or_else(|error| match error {
            LoadError::Model(_) => caught(|| read(Some(settings.max_tokens))?.masked()),
            error => Err(error),
        })?;
        network.with_labels(settings)
    }

    /// How likely the text of these tokens is an attack, 0 to 1.
    pub(super) fn probability(&self, tokens: &Tokens) -> Result<f32, Unanswered> {
        let row = self.run(tokens).map_err(|_| Unanswered::Failed)?;
        let probability = self.weigh(&row).clamp(0.0, 1.0);
        // What is not a number is no answer.
        if probability.is_nan() {
            return Err(Unanswered::Failed);
        }
        Ok(probability)
    }

    fn of(file: &[u8], settings: &Settings, width: Option<usize>) -> Result<Self, LoadError> {
        let onnx = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_value_info(true);
        let mut file = file;
        let mut model = onnx.model_for_read(&mut file).map_err(unrunnable)?;
        let inputs = inputs(&model)?;
        let length = width.map_or_else(|| model.symbols.sym("tokens").to_dim(), |own| own.to_dim());
        for (index, input) in inputs.iter().enumerate() {
            let fact = InferenceFact::dt_shape(input.datum, [1.to_dim(), length.clone()]);
            model.set_input_fact(index, fact).map_err(unrunnable)?;
        }
        choose_output(&mut model, settings.output.as_deref())?;
        let plan = model.into_optimized().and_then(IntoRunnable::into_runnable);
        Ok(Self {
            plan: plan.map_err(unrunnable)?,
            inputs,
            width,
            scores: settings.scores,
            attack: settings.attack_labels.clone(),
        })
    }

    /// Runs it with `length` tokens, the highest of the tokenizer among them.
    fn check(&self, length: usize, highest: u32) -> Result<(), LoadError> {
        let tokens = Tokens {
            ids: vec![highest; length],
            types: vec![0; length],
        };
        self.run(&tokens).map(drop)
    }

    /// Refuses to fill texts up with what the model would take for a part of them.
    fn masked(self) -> Result<Self, LoadError> {
        let is_mask = |input: &Input| matches!(input.kind, InputKind::Mask);
        if self.inputs.iter().any(is_mask) {
            return Ok(self);
        }
        let message = "it reads texts of one length only, and has no `attention_mask`";
        Err(LoadError::Model(String::from(message)))
    }

    /// Which labels count, now that their number is known.
    fn with_labels(mut self, settings: &Settings) -> Result<Self, LoadError> {
        let tokens = Tokens {
            ids: vec![0],
            types: vec![0],
        };
        let labels = self.run(&tokens)?.len();
        let standard = usize::from(labels > 1);
        if self.attack.is_empty() {
            self.attack.push(standard);
        }
        if let Some(label) = self.attack.iter().find(|label| **label >= labels) {
            let label = *label;
            return Err(LoadError::Label { label, labels });
        }
        let standard = if labels > 1 {
            Scores::Softmax
        } else {
            Scores::Sigmoid
        };
        self.scores = Some(settings.scores.unwrap_or(standard));
        Ok(self)
    }

    /// The row of labels for these tokens.
    fn run(&self, tokens: &Tokens) -> Result<Vec<f32>, LoadError> {
        let inputs = self.inputs.iter().map(|input| {
            let numbers = self.numbers(input.kind, tokens);
            let tensor = Tensor::from_shape(&[1, numbers.len()], &numbers)?;
            let tensor = tensor.cast_to_dt(input.datum)?.into_owned();
            Ok(tensor.into_tvalue())
        });
        let inputs: TractResult<TVec<TValue>> = inputs.collect();
        let outputs = self.plan.run(inputs.map_err(unrunnable)?);
        let outputs = outputs.map_err(unrunnable)?;
        let Some(output) = outputs.first() else {
            return Err(LoadError::Shape(String::from("of nothing")));
        };
        let row = output.cast_to::<f32>().map_err(unrunnable)?;
        let is_row = matches!(*row.shape(), [1, labels] if labels > 0);
        if !is_row {
            return Err(LoadError::Shape(format!("{:?}", row.shape())));
        }
        let row = row.try_as_plain_ram().map_err(unrunnable)?;
        Ok(row.as_slice::<f32>().map_err(unrunnable)?.to_vec())
    }

    /// The numbers of one input, filled up where the model wants so many.
    fn numbers(&self, kind: InputKind, tokens: &Tokens) -> Vec<i64> {
        let own: Vec<i64> = match kind {
            InputKind::Ids => tokens.ids.iter().copied().map(i64::from).collect(),
            InputKind::Mask => vec![1; tokens.ids.len()],
            InputKind::Types => tokens.types.iter().copied().map(i64::from).collect(),
        };
        let length = self.width.unwrap_or(own.len());
        own.into_iter()
            .chain(std::iter::repeat(0))
            .take(length)
            .collect()
    }

    /// The probabilities of the labels that count, added up.
    fn weigh(&self, row: &[f32]) -> f32 {
        let counted = || self.attack.iter().filter_map(|label| row.get(*label));
        match self.scores {
            Some(Scores::None) | None => counted().sum(),
            Some(Scores::Sigmoid) => counted().map(|own| 1.0 / (1.0 + (-own).exp())).sum(),
            Some(Scores::Softmax) => {
                let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let whole: f32 = row.iter().map(|own| (own - highest).exp()).sum();
                counted().map(|own| (own - highest).exp() / whole).sum()
            }
        }
    }
}

/// What the model reads, in its order.
fn inputs(model: &InferenceModel) -> Result<Vec<Input>, LoadError> {
    let outlets = model.input_outlets().map_err(unrunnable)?;
    let mut inputs = Vec::with_capacity(outlets.len());
    for (index, outlet) in outlets.iter().enumerate() {
        let name = &model.node(outlet.node).name;
        let kind = match name.as_str() {
            "input_ids" => InputKind::Ids,
            "attention_mask" => InputKind::Mask,
            "token_type_ids" => InputKind::Types,
            _ => return Err(LoadError::Input(shortened(name))),
        };
        let fact = model.input_fact(index).map_err(unrunnable)?;
        let datum = fact.datum_type.concretize().unwrap_or(DatumType::I64);
        inputs.push(Input { kind, datum });
    }
    let reads_tokens = |input: &Input| matches!(input.kind, InputKind::Ids);
    if inputs.iter().any(reads_tokens) {
        Ok(inputs)
    } else {
        Err(LoadError::NoTokens)
    }
}

/// Leaves one output: the one that is named, else `logits`, else the first.
fn choose_output(model: &mut InferenceModel, name: Option<&str>) -> Result<(), LoadError> {
    let labelled = |name| {
        let outlets = model.output_outlets().ok()?.iter();
        let mut named = outlets.filter(|outlet| {
            let label = model.outlet_label(**outlet);
            label.unwrap_or(&model.node(outlet.node).name) == name
        });
        named.next().copied()
    };
    let chosen = match name {
        Some(name) => Some(labelled(name).ok_or_else(|| LoadError::Output(shortened(name)))?),
        None => labelled("logits"),
    };
    let first = || model.output_outlets().ok()?.first().copied();
    let chosen = chosen.or_else(first);
    let chosen = chosen.ok_or_else(|| LoadError::Output(String::from("logits")))?;
    model.select_output_outlets(&[chosen]).map_err(unrunnable)
}

/// What `read` returns, a failure where it panics: models come from files.
fn caught<T>(read: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    let failed = |_| Err(LoadError::Model(String::from("it panics")));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn unrunnable(error: TractError) -> LoadError {
    LoadError::Model(short(&format_args!("{error:#}")))
}

/// The beginning of a message.
pub(super) fn short(error: &dyn Display) -> String {
    shortened(&error.to_string())
}

fn shortened(text: &str) -> String {
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let end = line.floor_char_boundary(LONGEST_MESSAGE);
    line.get(..end).unwrap_or_default().to_owned()
}
